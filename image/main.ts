import { buildAgentImage } from './agent-image.ts';

process.stderr.write('building the agent image …\n');
process.stdout.write(`${await buildAgentImage()}\n`);

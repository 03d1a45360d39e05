import { mustIn, up } from '../../bed/bed.ts';
import { knService } from './functions.ts';

// Runs before each file of these tests: the bed is up by then, Knative may not be, and a run that was ended may have left functions.
await up((line) => process.stderr.write(`bed: ${line}\n`), { withKnative: true });
await mustIn(['kubectl', '--context', 'home', '-n', 'demo', 'delete', knService, '--all', '--wait', '--timeout=60s']);

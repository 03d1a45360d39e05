import { expect, test } from 'vitest';
import { agentImage } from '../../src/cli/agent-image.ts';
import { calledAs } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands.ts';
import { helpText } from '../../src/cli/help.ts';

test.each(commands.map((command) => ({ called: calledAs(command), command })))(
  'the help of $called reads like that of kubectl',
  async ({ command }) => {
    const file = command.name === '' ? 'help.txt' : `help-${command.name}.txt`;
    await expect(helpText(command).replace(agentImage, 'AGENT-IMAGE')).toMatchFileSnapshot(file);
  },
);

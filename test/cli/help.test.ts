import { expect, test } from 'vitest';
import { agentImage } from '../../src/cli/agent-image.ts';
import { helpText } from '../../src/cli/help.ts';

test('the help reads like that of kubectl', async () => {
  await expect(helpText().replace(agentImage, 'AGENT-IMAGE')).toMatchFileSnapshot('help.txt');
});

import { expect, test } from 'vitest';
import { connectionFromKubeconfig } from '../../../src/kube/connection.ts';
import { untilHelperRuns } from '../../../src/migration/helpers/wait.ts';
import { json, startApiServer } from '../../kube/api-server.ts';

test('a helper that no node of the peer takes is refused at once, in the words of the scheduler', async () => {
  const api = await startApiServer();
  const kube = await connectionFromKubeconfig(api.kubeconfig(), 'home');
  const message = '0/2 nodes are available: 2 node(s) had untolerated taint(s).';
  const helper = {
    metadata: { name: 'helper', namespace: 'demo' },
    spec: { containers: [] },
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] },
  };
  api.answer((_request, response) => json(response, { metadata: { resourceVersion: '1' }, items: [helper] }));
  try {
    await expect(untilHelperRuns(kube, helper, new AbortController().signal)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('had untolerated taint(s).'),
      findings: [{ code: 'KM-UNSCHEDULABLE' }],
    });
  } finally {
    kube.close();
    await api.close();
  }
});

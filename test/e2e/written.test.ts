import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { writesOf } from '../../src/migration/steps.ts';
import type { CarriedOut } from './carry-out.ts';
import { deletePod, getPod, leftoversInTheEnd, startPod } from './cluster.ts';
import { podOf } from './pods.ts';

afterAll(async () => deletePod('written'));

const methods = { create: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

test('a plan that went through text moves a pod, by the requests that its steps say and no others', async () => {
  await startPod(podOf('written', ['ticker', '1', '20']));
  const program = join(import.meta.dirname, 'carry-out.ts');
  const { plan, node, requests, home } = JSON.parse(await mustIn([process.execPath, program, 'written'])) as CarriedOut;
  expect(node).not.toBe('');
  expect(await getPod('home', 'written')).toMatchObject({ spec: { nodeName: 'away' }, status: { phase: 'Running' } });
  expect(await leftoversInTheEnd('written')).toEqual([]);

  const written = requests
    .filter((one) => !one.startsWith('GET '))
    .map((one) => one.replace(/ \S+ /, (host) => (host.trim() === home ? ' home ' : ' peer ')));
  const said = writesOf(plan)
    .filter(({ isOfLeftover }) => !isOfLeftover)
    .map(({ verb, at, path }) => `${methods[verb]} ${at} ${path}`);
  expect(plan.tokens).toHaveLength(1);
  expect(written.toSorted()).toEqual(said.toSorted());
});

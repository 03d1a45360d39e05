import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { deletePod, getPod, leftoversInTheEnd, migrate, startPod } from './cluster.ts';
import { podOf } from './pods.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Role extends KubeObject {
  readonly rules?: readonly Rule[];
}

/** A user who has the rights of docs/rbac.yaml, and none besides those that everybody has. */
const mover = ['--as', 'mover', '--as-group', 'pod-movers', '--as-group', 'system:authenticated'];

/** docs/rbac.yaml, with the bed's namespace and peer in the places of those in the example. */
const text = (await readFile(join(import.meta.dirname, '../../docs/rbac.yaml'), 'utf8')).replaceAll('shop', 'demo').replaceAll('milan', 'away');
const objects = loadAll(text) as Role[];

async function apply(roles: readonly Role[]): Promise<void> {
  await mustIn(['kubectl', '--context', 'home', 'apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: roles }) });
}

beforeAll(async () => apply(objects));

afterAll(async () => {
  await deletePod('privileged');
  await mustIn(['kubectl', '--context', 'home', 'delete', '--ignore-not-found', '-f', '-'], { input: text });
});

/** Every single verb of the file: the role that has it, and that role without it. */
const rights = objects.flatMap((role) => (role.rules ?? []).flatMap((rule) => rule.verbs.map((verb) => ({ verb, resource: rule.resources[0] ?? '', role: without(role, rule, verb) }))));

function without(role: Role, rule: Rule, verb: string): Role {
  const rules = (role.rules ?? []).map((one) => (one === rule ? { ...rule, verbs: rule.verbs.filter((other) => other !== verb) } : one));
  return { ...role, rules: rules.filter(({ verbs }) => verbs.length > 0) };
}

test.each(rights)('without the right to $verb $resource a migration is refused, and the right is named', async ({ verb, resource, role }) => {
  await startPod(podOf('privileged', ['ticker', '1', '20']));
  await apply([role]);
  try {
    const { code, stdout, stderr } = await migrate('privileged', '--dry-run', ...mover);
    // What the plan itself needs is told by the server, the rest by the plan.
    expect(stdout + stderr).toMatch(code === 1 ? `cannot ${verb} resource "${resource}"` : `you may not ${verb} ${resource}`);
    expect([1, 3]).toContain(code);
  } finally {
    await apply(objects);
  }
});

test('with the rights of docs/rbac.yaml and no others a pod is moved', async () => {
  await startPod(podOf('privileged', ['ticker', '1', '20']));
  expect(await migrate('privileged', ...mover)).toMatchObject({ code: 0, stdout: 'pod/privileged migrated\n' });
  expect((await getPod('home', 'privileged')).spec.nodeName).toBe('away');
  expect(await leftoversInTheEnd()).toEqual([]);
});

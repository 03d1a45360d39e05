import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { getPod, leftoversInTheEnd, migrate } from './cluster.ts';
import { podOf } from './pods.ts';
import { apply, remove, untilReady } from './workloads.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Subject {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

/** A role, or the binding of one. */
interface Rbac extends KubeObject {
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly apiGroup: string; readonly kind: string; readonly name: string };
  readonly subjects?: readonly Subject[];
}

/** docs/rbac.yaml, with the bed's namespace and peer in the places of those in the example. */
const text = (await readFile(join(import.meta.dirname, '../../docs/rbac.yaml'), 'utf8'))
  .replaceAll('shop', 'demo')
  .replaceAll('milan', 'away');
const objects = loadAll(text) as Rbac[];
/** The role of those who name workloads in the place of pods. */
const finder = 'pod-finder';
const mark = 'kubectl-migrate-test=privileges';

/** Every single verb of the file, and a group of users who have all of the file but that. */
const rights = objects
  .flatMap((role) =>
    (role.rules ?? []).flatMap((rule) => rule.verbs.map((verb) => ({ verb, resource: rule.resources[0] ?? '', rule, role }))),
  )
  .map((right, index) => ({ ...right, group: `pod-movers-${index}` }));

/** What gives each group its rights: the file's roles for all groups that lose nothing of them, and poorer copies. */
function rbac(): Rbac[] {
  const shared = objects.map((object) => {
    if (!object.subjects) return object;
    const groups = rights.filter(({ role }) => !binds(object, role)).map(({ group }) => subject(group));
    return { ...object, subjects: [...object.subjects, ...groups] };
  });
  const poorer = rights.flatMap(({ verb, rule, role, group }) => {
    const rules = (role.rules ?? [])
      .map((one) => (one === rule ? { ...rule, verbs: rule.verbs.filter((other) => other !== verb) } : one))
      .filter(({ verbs }) => verbs.length > 0);
    const binding = objects.filter((object) => binds(object, role));
    const named = <T extends Rbac>(object: T): T => ({ ...object, metadata: { ...object.metadata, name: group } });
    return [
      { ...named(role), rules },
      ...binding.map((object) => ({
        ...named(object),
        roleRef: { ...object.roleRef, name: group } as Rbac['roleRef'],
        subjects: [subject(group)],
      })),
    ];
  });
  const [key = '', value = ''] = mark.split('=');
  return [...shared, ...poorer].map((object) => ({ ...object, metadata: { ...object.metadata, labels: { [key]: value } } }) as Rbac);
}

function binds({ roleRef, metadata }: Rbac, role: Rbac): boolean {
  return roleRef?.kind === role.kind && roleRef?.name === role.metadata.name && metadata.namespace === role.metadata.namespace;
}

function subject(name: string): Subject {
  return { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name };
}

/** A user who has the rights of a group, and none besides those that everybody has. */
function as(group: string): string[] {
  return ['--as', 'mover', '--as-group', group, '--as-group', 'system:authenticated'];
}

let name: string;

beforeAll(async () => {
  await mustIn(['kubectl', '--context', 'home', 'apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rbac() }),
  });
  const template = { metadata: { labels: { app: 'privileged' } }, spec: podOf('privileged', ['ticker', '1', '20']).spec };
  const spec = { replicas: 1, selector: { matchLabels: { app: 'privileged' } }, template };
  await apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'privileged', namespace: 'demo' }, spec });
  name = (await untilReady('privileged', 1))[0]?.metadata.name ?? '';
});

afterAll(async () => {
  await remove('deployment', 'privileged');
  await mustIn(['kubectl', '--context', 'home', 'delete', 'clusterroles,clusterrolebindings,roles,rolebindings', '-A', '-l', mark]);
});

/** Without these there is no plan: the server says no. Of the others the plan tells that they will be missing. */
const ofPlan = ['get nodes', 'list virtualnodes', 'get pods', 'get namespaceoffloadings', 'get namespacemaps', 'get ips'];

describe.concurrent('a migration is refused, and the right is named', () => {
  const ofMovers = rights.filter(({ role }) => role.metadata.name !== finder);
  const ofFinders = rights.filter(({ role }) => role.metadata.name === finder);

  test.each(ofMovers)('without the right to $verb $resource', async ({ verb, resource, group }) => {
    const { code, stdout, stderr } = await migrate(name, '--dry-run', ...as(group));
    const isOfPlan = ofPlan.includes(`${verb} ${resource}`);
    expect(stdout + stderr).toMatch(isOfPlan ? `cannot ${verb} resource "${resource}"` : `you may not ${verb} ${resource}`);
    expect(code).toBe(isOfPlan ? 1 : 3);
  });

  // Without any of them pods are moved by their names.
  test.each(ofFinders)('without the right to $verb $resource, when such pods are asked for', async ({ verb, resource, group }) => {
    const named = verb === 'list' ? 'deployments' : resource;
    const { code, stderr } = await migrate(`${named}/privileged`, '--dry-run', ...as(group));
    expect(stderr).toContain(`cannot ${verb} resource "${resource}"`);
    expect(code).toBe(1);
    expect(await migrate(name, '--dry-run', ...as(group))).toMatchObject({ code: 0 });
  });
});

test('with the rights of docs/rbac.yaml and no others a pod of a Deployment is moved', async () => {
  expect(await migrate(name, ...as('pod-movers'))).toMatchObject({ code: 0, stdout: `pod/${name} migrated\n` });
  expect((await getPod('home', name)).spec.nodeName).toBe('away');
  expect(await leftoversInTheEnd(name)).toEqual([]);
});

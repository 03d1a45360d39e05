import type { KubeObject } from '../kube/types.ts';
import type { Right } from '../preflight/rights.ts';

/** A request of a migration that changes something in a cluster. Plain JSON. */
export interface Write {
  readonly verb: 'create' | 'patch' | 'delete';
  readonly at: 'home' | 'peer';
  /** Of the request: of a collection, when an object is made in it. */
  readonly path: string;
  /** As far as it is known beforehand. */
  readonly body?: object;
  /** Asked only when something of an earlier pod of that name is in its way. */
  readonly isOfLeftover?: true;
}

export function creation(at: Write['at'], collection: string, object: KubeObject): Write {
  return { verb: 'create', at, path: collection, body: object };
}

/** The path of the object that a write is about; of a creation that makes none (a token), its own. */
export function objectPath({ verb, path, body }: Write): string {
  const name = (body as Partial<KubeObject> | undefined)?.metadata?.name;
  return verb === 'create' && name !== undefined ? `${path}/${name}` : path;
}

/** What takes away what those writes make. */
export function removals(writes: readonly Write[]): Write[] {
  return writes
    .filter((write) => write.verb === 'create' && objectPath(write) !== write.path)
    .map((write) => ({ verb: 'delete', at: write.at, path: objectPath(write) }));
}

const namespaced = /^\/(?:api|apis\/([^/]+))\/[^/]+\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?$/;

/** The right that a write needs; of a subresource's object it has the name. */
export function rightOf({ verb, path }: Pick<Write, 'path'> & { readonly verb: string }): Right {
  const [, group, namespace = '', resource = '', name, subresource] = namespaced.exec(path) ?? [];
  const about = { verb, ...(group === undefined ? {} : { group }), namespace };
  return subresource === undefined || name === undefined
    ? { ...about, resource }
    : { ...about, resource: `${resource}/${subresource}`, name };
}

import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../../src/kube/types.ts';
import { json, refuse, startApiServer, type ApiServer, type Seen } from '../kube/api-server.ts';

/** What a controller does when an object was made or changed. */
export type Controller = (collection: string, object: KubeObject) => void | Promise<void>;

/** A server that keeps objects: names, UIDs, preconditions, merge patches, lists and watches are as an API server has them. */
export interface ObjectStore {
  readonly api: ApiServer;
  /** By path. */
  readonly objects: Map<string, KubeObject>;
  readonly put: (collection: string, object: KubeObject) => KubeObject;
  /** Every request that has changed something: `POST /api/v1/namespaces/demo/pods web-0`. */
  readonly writes: () => string[];
}

const accessReviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** @param answerFirst what the store itself does not know; false when it is left to the store */
export async function startObjectStore(
  name: string,
  react: Controller,
  answerFirst: (request: Seen, response: ServerResponse) => boolean = () => false,
): Promise<ObjectStore> {
  const api = await startApiServer();
  const objects = new Map<string, KubeObject>();
  const watchers = new Set<(collection: string, type: string, object: KubeObject) => void>();
  let uids = 0;
  const tell = (collection: string, type: string, object: KubeObject): void => watchers.forEach((hear) => hear(collection, type, object));
  const put = (collection: string, object: KubeObject): KubeObject => {
    const stored = { ...object, metadata: { ...object.metadata, uid: object.metadata.uid ?? `${name}-${++uids}` } };
    objects.set(`${collection}/${object.metadata.name}`, stored);
    tell(collection, 'MODIFIED', stored);
    return stored;
  };
  const list = (request: Seen, response: ServerResponse): void => {
    const { path: collection, query } = request;
    const isMeant = selector(query);
    if (query.get('watch') === 'true') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      const hear = (of: string, type: string, object: KubeObject): void => {
        if (of === collection && isMeant(object)) response.write(`${JSON.stringify({ type, object })}\n`);
      };
      watchers.add(hear);
      response.on('close', () => watchers.delete(hear));
      return;
    }
    const items = [...objects].filter(([path, object]) => path === `${collection}/${object.metadata.name}` && isMeant(object));
    json(response, { metadata: { resourceVersion: '1' }, items: items.map(([, object]) => object) });
  };
  const create = async ({ path: collection, query, body }: Seen, response: ServerResponse): Promise<void> => {
    const object = JSON.parse(body) as KubeObject;
    if (objects.has(`${collection}/${object.metadata.name}`))
      return refuse(response, 409, 'AlreadyExists', `"${object.metadata.name}" already exists`);
    const manager = query.get('fieldManager') ?? '';
    const made = { ...object, metadata: { ...object.metadata, managedFields: [{ manager, operation: 'Update' }] } };
    if (query.get('dryRun') === 'All') return json(response, made, 201);
    const stored = put(collection, made);
    json(response, stored, 201);
    await react(collection, stored);
  };
  const change = async ({ method, path, body }: Seen, response: ServerResponse, found: KubeObject): Promise<void> => {
    const collection = path.slice(0, path.lastIndexOf('/'));
    const sent = JSON.parse(body || '{}') as { preconditions?: { uid?: string }; metadata?: { uid?: string }; dryRun?: string[] };
    const uid = sent.preconditions?.uid ?? sent.metadata?.uid;
    if (uid !== undefined && uid !== found.metadata.uid) return refuse(response, 409, 'Conflict', `the UID ${uid} does not match`);
    if (sent.dryRun) return json(response, found);
    if (method === 'PATCH') {
      const patched = put(collection, merged(found, sent) as KubeObject);
      json(response, patched);
      return react(collection, patched);
    }
    objects.delete(path);
    tell(collection, 'DELETED', found);
    json(response, found);
    // What an object owns goes with it.
    for (const [other, { metadata }] of objects) {
      if (!metadata.ownerReferences?.some((owner) => owner.uid === found.metadata.uid)) continue;
      objects.delete(other);
      tell(other.slice(0, other.lastIndexOf('/')), 'DELETED', { metadata });
    }
  };
  api.answer((request, response) => {
    if (answerFirst(request, response)) return;
    if (request.path === accessReviews) return json(response, { status: { allowed: true } });
    if (request.method === 'POST') return create(request, response);
    if (request.method === 'GET' && request.path.endsWith('s') && !objects.has(request.path)) return list(request, response);
    const found = objects.get(request.path);
    if (!found) return refuse(response, 404, 'NotFound', `${request.path} not found`);
    return request.method === 'GET' ? json(response, found) : change(request, response, found);
  });
  const writes = (): string[] =>
    api.seen
      .filter(({ method, path, query }) => method !== 'GET' && path !== accessReviews && query.get('dryRun') === null)
      .map(({ method, path, body }) => {
        const named = method === 'POST' ? (JSON.parse(body) as Partial<KubeObject>).metadata?.name : undefined;
        return `${method} ${path}${named === undefined ? '' : `/${named}`}`;
      });
  return { api, objects, put, writes };
}

function selector(query: URLSearchParams): (object: KubeObject) => boolean {
  const name = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
  const labels = (query.get('labelSelector') ?? '').split(',').filter(Boolean);
  return ({ metadata }) =>
    (name === undefined || metadata.name === name) &&
    labels.every((one) => {
      if (one.startsWith('!')) return metadata.labels?.[one.slice(1)] === undefined;
      const [key = '', value] = one.split('=');
      return metadata.labels?.[key] === value;
    });
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null ? target : {};
  const entries = Object.entries(patch).map(([key, value]) => [key, merged((base as Record<string, unknown>)[key], value)]);
  return Object.fromEntries(Object.entries({ ...base, ...Object.fromEntries(entries) }).filter(([, value]) => value !== null));
}

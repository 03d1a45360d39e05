import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import { startApiServer, type ApiServer } from './api-server.ts';

let api: ApiServer;
const opened: KubeConnection[] = [];

beforeEach(async () => {
  api = await startApiServer();
});

afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  await api.close();
});

async function connection(user?: Record<string, unknown>, cluster?: Record<string, unknown>): Promise<KubeConnection> {
  const made = await connectionFromKubeconfig(api.kubeconfig(user, cluster), 'test');
  opened.push(made);
  return made;
}

describe('a kubeconfig out of a cluster', () => {
  test('runs no program of the user', async () => {
    const sign = join(api.certificates.folder, 'was-run');
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/sh', args: ['-c', `touch ${sign}; echo no >&2; exit 1`] };
    const asking = connection({ exec }).then(async (kube) => kube.get('/version'));
    await expect(asking).rejects.toThrow();
    expect(existsSync(sign)).toBe(false);
    await expect(asking).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('user.exec') });
  });

  test.each(['tokenFile', 'client-certificate', 'client-key'])('sends no file of the user (%s)', async (field) => {
    const file = join(api.certificates.folder, 'private');
    writeFileSync(file, 'private key of the user\n');
    const asking = connection({ [field]: file }).then(async (kube) => kube.get('/version'));
    await expect(asking).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining(`user.${field}`) });
    expect(api.seen).toEqual([]);
  });

  test.each([
    ['cluster.certificate-authority', undefined, { 'certificate-authority': '/etc/hostname' }],
    ['cluster.insecure-skip-tls-verify', undefined, { 'insecure-skip-tls-verify': true }],
    ['user.auth-provider', { 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/sh' } } }, undefined],
    ['user.a-new-field', { 'token': 't', 'a-new-field': 'x' }, undefined],
  ])('is refused for %s', async (field, user, cluster) => {
    await expect(connection(user, cluster)).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining(field) });
  });

  test('may have fields that say nothing', async () => {
    await (await connection({ token: 'secret', exec: null, extensions: [] })).get('/version');
    expect(api.seen[0]?.headers.authorization).toBe('Bearer secret');
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export interface Certificates {
  readonly folder: string;
  /** PEM texts. */
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

let made: Certificates | undefined;

// Of whichever test file imports this.
afterAll(() => {
  if (made) rmSync(made.folder, { recursive: true, force: true });
  made = undefined;
});

/** An authority, a server of the name `api.example` and the address 127.0.0.1, and the client `tester`; made once. */
export function certificates(): Certificates {
  return (made ??= make());
}

function make(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.crt');
  const issue = (name: string, subject: string, extensions: string): { cert: string; key: string } => {
    writeFileSync(join(folder, `${name}.ext`), extensions);
    openssl('req', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`);
    return { cert: readFileSync(join(folder, `${name}.crt`), 'utf8'), key: readFileSync(join(folder, `${name}.key`), 'utf8') };
  };
  return {
    folder,
    server: issue('server', '/CN=api server', 'subjectAltName=IP:127.0.0.1,DNS:api.example\n'),
    client: issue('client', '/O=testers/CN=tester', 'extendedKeyUsage=clientAuth\n'),
    ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
  };
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

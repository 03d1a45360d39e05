import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { must } from './run.ts';

export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  /** Numeric where pods ask for runAsNonRoot and say no user themselves. */
  readonly user?: string;
}

/**
 * Writes an OCI image layout as one tar archive, without Docker. The same layers and settings give the same bytes.
 *
 * @param reference full name with tag, under which containerd imports it
 * @param layers uncompressed tar files
 * @returns the image's manifest digest
 */
export async function writeOciArchive(file: string, reference: string, layers: readonly string[], config: ImageConfig): Promise<string> {
  const blobs = await Promise.all(layers.map(async (path) => ({ path, size: (await stat(path)).size, digest: await digestOf(path) })));
  const settings = json({
    architecture: 'amd64',
    os: 'linux',
    config: { ...(config.user === undefined ? {} : { User: config.user }), Entrypoint: config.entrypoint ?? [], Env: config.env ?? [] },
    rootfs: { type: 'layers', diff_ids: blobs.map(({ digest }) => digest) },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', size: settings.length, digest: sha256(settings) },
    layers: blobs.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', size, digest })),
  });
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        size: manifest.length,
        digest: sha256(manifest),
        platform: { architecture: 'amd64', os: 'linux' },
        annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': reference.split(':').at(-1) },
      },
    ],
  });
  const archive = pack();
  const written = pipeline(archive, createWriteStream(file));
  await add(archive, 'oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  await add(archive, 'index.json', index);
  for (const blob of [settings, manifest]) await add(archive, blobName(sha256(blob)), blob);
  for (const { path, size, digest } of new Map(blobs.map((blob) => [blob.digest, blob])).values()) {
    await pipeline(createReadStream(path), archive.entry({ name: blobName(digest), size, mtime: new Date(0) }));
  }
  archive.finalize();
  await written;
  return sha256(manifest);
}

/** Packs a folder as a layer whose bytes depend on names, modes and contents only; everything belongs to root. */
export async function packLayer(folder: string, file: string): Promise<void> {
  await must([
    'tar',
    '--create',
    `--file=${file}`,
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--format=gnu',
    `--directory=${folder}`,
    '.',
  ]);
}

async function add(archive: Pack, name: string, content: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    archive.entry({ name, size: content.length, mtime: new Date(0) }, content, (error) => (error ? reject(error) : resolve()));
  });
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function blobName(digest: string): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}`;
}

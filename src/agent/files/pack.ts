import { Writable } from 'node:stream';
import { runJailed } from '../node/host.ts';
import { wholePod } from '../../protocol/frames.ts';
import type { PeerLink } from '../peer/link.ts';
import type { Tree, TreeChanges } from './tree.ts';

/**
 * Sends the changes of a tree as two files: `STAGE.TREE.gone`, the paths to remove (JSON), and `STAGE.TREE.tar`.
 * GNU tar knows more of file systems than we want to: sparse files, hard links, devices, extended attributes, ACLs.
 *
 * @param isStill whether nothing can change while it is read; else a file that changes meanwhile is no error
 * @throws Error with tar's own words
 */
export async function sendTree(link: PeerLink, stage: 'base' | 'last', tree: Tree, changes: TreeChanges, isStill: boolean): Promise<void> {
  const gone = link.openFile(wholePod, 'tree', `${stage}.${tree.name}.gone`);
  await gone.write(Buffer.from(JSON.stringify({ removed: changes.removed, emptied: await emptiedFolders(tree) })));
  gone.end();
  if (changes.changed.length === 0) return;
  const file = link.openFile(wholePod, 'tree', `${stage}.${tree.name}.tar`);
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => void file.write(chunk).then(() => done(), done),
  });
  const { code, stderr } = await runJailed(
    tree.folder,
    [
      'tar',
      '--create',
      '--format=posix',
      '--numeric-owner',
      '--sparse',
      '--acls',
      '--xattrs',
      '--xattrs-include=*',
      '--xattrs-exclude=trusted.overlay.*',
      '--xattrs-exclude=user.overlay.*',
      '--xattrs-exclude=security.selinux',
      '--no-recursion',
      '--null',
      '--verbatim-files-from',
      '--files-from=-',
      ...(isStill ? [] : ['--ignore-failed-read', '--warning=no-file-changed', '--warning=no-file-removed', '--warning=no-file-shrank']),
    ],
    { input: Buffer.from(changes.changed.map((path) => `${path}\0`).join('')), output },
  );
  // While the pod runs, 1 says that a file changed as it was read; it is read again when the pod stands still.
  if (code !== 0 && (isStill || code > 1)) throw new Error(`cannot pack ${tree.name}: ${firstLine(stderr)}`);
  await new Promise<void>((resolve) => output.end(resolve));
  file.end();
}

/** The folders of an overlay's upper layer that hide everything which the image has there. */
async function emptiedFolders(tree: Tree): Promise<string[]> {
  if (!tree.isOverlay) return [];
  const attribute = /^(?:trusted|user)\.overlay\.opaque="y"$/;
  const { stdout } = await runJailed(tree.folder, [
    'getfattr',
    '--recursive',
    '--no-dereference',
    '--dump',
    '--match=overlay\\.opaque$',
    '.',
  ]);
  return stdout
    .split('\n\n')
    .map((block) => block.split('\n'))
    .filter((lines) => lines.some((line) => attribute.test(line)))
    .map((lines) => lines.find((line) => line.startsWith('# file: '))?.slice('# file: '.length) ?? '')
    .filter((path) => path !== '' && path !== '.');
}

export function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

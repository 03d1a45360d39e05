import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { aged, buildTreePrograms, contentOf, marking, marksIn, Overlay, type Programs } from './trees.ts';

let programs: Programs;

beforeAll(async () => {
  programs = await buildTreePrograms();
}, 60_000);
afterAll(async () => programs.remove());

describe('the upper layer of an overlay', () => {
  const image =
    'mkdir -p upper image/d image/gone image/app/sub/deep; for f in d/one d/two gone/x app/a app/sub/b app/sub/deep/c plain; do echo image > image/$f; done; ln -s d image/link; head -c 200000 /dev/urandom > image/big; cp image/big image/app/sub/big';
  const defaults = 'redirect_dir=off,metacopy=off';
  const everything = 'redirect_dir=on,metacopy=on';

  /** First the one script in the container, then a round, then the other, then the second round: the copy began as the image. */
  async function copied(before: string, after: string, options = defaults): Promise<{ copy: string; view: string[]; gone: string[] }> {
    const { folder: at, copy } = await programs.pair(image);
    await must(['cp', '-a', `${at}/image/.`, copy]);
    const container = await Overlay.mount(at, options);
    try {
      await container.run(before);
      await aged();
      const packer = container.pack(programs);
      await programs.bring(packer.base(), copy);
      await container.run(after);
      const { gone } = await programs.bring(packer.last([]), copy);
      return { copy, view: await container.content(), gone };
    } finally {
      await container.unmount();
    }
  }

  /** What {@link copied} brings is what the container sees, and has all of these. */
  async function expectCopied(before: string, after: string, paths: readonly string[], options = defaults): Promise<string[]> {
    const { copy, view, gone } = await copied(before, after, options);
    expect(view.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(paths.map((path) => `./${path}`)));
    expect(await contentOf(copy)).toEqual(view);
    return gone;
  }

  describe.each([defaults, everything, 'userxattr'])('mounted with %s', (options) => {
    test('what was deleted, and what hides the image', async () => {
      const before = 'rm d/one plain; rm -r gone; mkdir gone; echo new > gone/y; rm link; mkdir link; echo z > link/z';
      await expectCopied(before, 'rm d/two; echo back > plain', ['gone/y'], options);
    });

    test('what lies unchanged in a folder that hides the image’s stays, when something else changes', async () => {
      const before = 'rm -r d; mkdir d; echo 3 > d/three; mkdir d/sub; echo 4 > d/sub/four; echo > log';
      await expectCopied(before, 'echo line >> log', ['d/three', 'd/sub/four'], options);
    });

    test('what is moved unchanged into a folder that is made again', async () => {
      const before = 'mkdir app/fresh; echo 1 > app/fresh/one; rm -r app; mkdir -p app/fresh; echo 1 > app/fresh/one';
      await expectCopied(before, 'mv app old; mkdir app; mv old/fresh app/fresh; rm -r old', ['app/fresh/one'], options);
    });
  });

  test('a folder of which the overlay itself takes a mark away as it is read', async () => {
    const gone = await expectCopied('mkdir new; mv plain new/plain', 'mv new/plain back', ['new', 'back']);
    expect(gone.toSorted()).toEqual(['rback', 'rnew/plain']);
  });

  test('marks that the container has made itself say nothing of the layer, and stay', async () => {
    const marks = ['app user.overlay.opaque y', 'big user.overlay.note 1', 'd user.overlay.redirect /app', 'gone user.overlay.opaque y'];
    const [last = '', ...first] = marks.map((mark) => marking(...(mark.split(' ') as [string, string, string]))).toReversed();
    const { copy, view, gone } = await copied(first.join('\n'), last);
    expect(await contentOf(copy)).toEqual(view);
    expect(gone).toEqual([]);
    expect(await marksIn(copy)).toEqual(marks);
  });

  describe('in which things of the image are only named', () => {
    test.each([
      ['before the first round', 'chown 1000 big; chmod 600 app/sub/big; mv big moved; ln moved hard', ':'],
      ['after it', ':', 'chown 1000 big; chmod 600 app/sub/big; mv big moved; ln moved hard'],
      ['on both sides of it', 'chown 1000 big; ln big hard', 'mv big moved; chmod 600 app/sub/big'],
    ])('files that changed their owner, mode or name %s', async (_, before, after) => {
      await expectCopied(before, after, ['moved', 'hard', 'app/sub/big'], everything);
    });

    test('a file whose content comes into the layer after the first round', async () => {
      await expectCopied('chown 1000 big app/sub/big', 'echo more >> big; : >> app/sub/big', ['big'], everything);
    });

    test.each([
      ['before the first round', 'mv app moved; echo new > moved/sub/new; rm moved/sub/b', 'echo last > moved/sub/last; rm moved/a'],
      ['after it', 'echo new > app/sub/new', 'mv app moved; rm moved/sub/b'],
      ['twice', 'mv app between', 'mv between moved; echo new > moved/new'],
      ['into a folder that was moved', 'mv app moved; mv moved/sub sub', 'mv d moved/d; mv sub moved/again'],
      ['into a folder that is new', 'mkdir moved; mv app moved/app', 'mv d moved/d; rm moved/app/sub/b'],
      ['and back', 'mv app moved; rm moved/a', 'mv moved app; mkdir moved'],
      ['to where the image has another', 'rm -r gone; mv app gone; mkdir moved', 'rm moved -r; mv d moved'],
      ['to where the image has a file', 'rm plain; mv app plain; mkdir moved', 'rm link; mv d link'],
      ['and made again', 'mv app moved; mkdir app; echo own > app/own', 'mv app other; mkdir -p app/sub; echo 2 > app/sub/own'],
      ['and exchanged', 'mkdir moved; echo 1 > d/own', 'mv app aside; mv d app; mv aside d'],
    ])('folders that were moved %s', async (_, before, after) => {
      await expectCopied(before, after, ['moved'], everything);
    });

    test('what lies unchanged in a folder that was moved does not travel again', async () => {
      expect(await expectCopied('mv app moved; echo > log', 'echo line >> log', ['moved/sub/deep/c'], everything)).toEqual([]);
    });

    test('a folder that is gone again, with what the image has in it', async () => {
      await expectCopied('mv app moved', 'rm -r moved/sub; mv moved/a kept', ['kept', 'moved'], everything);
    });
  });
});

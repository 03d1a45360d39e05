import { describe, expect, test } from 'vitest';
import type { Pod } from '../../../src/kube/types.ts';
import { otherImages, pinFindings, pinOf, pinsNeeded, withPins } from '../../../src/migration/helpers/images.ts';

const a = `@sha256:${'a'.repeat(64)}`;
const b = `@sha256:${'b'.repeat(64)}`;
const none: ReadonlyMap<string, string> = new Map();

function pod(imageID: string, image = 'registry.test:5000/team/app:1'): Pod {
  return {
    metadata: { name: 'web-0', namespace: 'demo' },
    spec: { containers: [{ name: 'main', image, args: ['serve'] }] },
    status: { containerStatuses: [{ name: 'main', imageID }] },
  };
}

function helper(image: string, status: { imageID?: string; reason?: string }): Pod {
  const { imageID = '', reason } = status;
  return {
    metadata: { name: 'helper' },
    spec: { containers: [{ name: 'image-0', image }] },
    status: { containerStatuses: [{ name: 'image-0', imageID, state: reason === undefined ? {} : { waiting: { reason } } }] },
  };
}

describe('an image is asked for by digest', () => {
  const image = 'registry.test:5000/team/app:1';
  const cases: readonly [string, Pod, Pod, string | undefined][] = [
    [
      'not when the tag is the same one there',
      pod(`registry.test:5000/team/app${a}`),
      helper(image, { imageID: `registry.test:5000/team/app${a}` }),
      undefined,
    ],
    [
      'not when only the repository has another name there',
      pod(`mirror.test/app${a}`),
      helper(image, { imageID: `docker.io/app${a}` }),
      undefined,
    ],
    [
      'when the tag is another one there',
      pod(`registry.test:5000/team/app${a}`),
      helper(image, { imageID: `registry.test:5000/team/app${b}` }),
      `registry.test:5000/team/app${a}`,
    ],
    [
      'when the tag cannot be pulled there',
      pod(`registry.test:5000/team/app${a}`),
      helper(image, { reason: 'ErrImagePull' }),
      `registry.test:5000/team/app${a}`,
    ],
    [
      'when one of that name was imported there by hand',
      pod(`registry.test:5000/team/app${a}`),
      helper(image, { imageID: 'sha256:1234' }),
      `registry.test:5000/team/app${a}`,
    ],
    [
      'not when the helper has not come to it yet',
      pod(`registry.test:5000/team/app${a}`),
      helper(image, { reason: 'PodInitializing' }),
      undefined,
    ],
    [
      'not when it was imported by hand: it has no digest of a registry',
      pod('sha256:1234'),
      helper(image, { imageID: 'sha256:5678' }),
      undefined,
    ],
  ];
  for (const [what, source, there, pin] of cases) test(what, () => expect(pinsNeeded(source, there, none).get('main')).toBe(pin));
});

test('a reference by digest keeps the repository as its user wrote it', () => {
  expect(pinOf('nginx', a)).toBe(`nginx${a}`);
  expect(pinOf('nginx:1.29', a)).toBe(`nginx${a}`);
  expect(pinOf('localhost:5000/app', a)).toBe(`localhost:5000/app${a}`);
  expect(pinOf('localhost:5000/app:1', a)).toBe(`localhost:5000/app${a}`);
  expect(pinOf(`localhost:5000/app${b}`, a)).toBeUndefined();
});

test('only the image is another one in the pod that the peer gets', () => {
  const source = pod(`app${a}`);
  expect(withPins(source, none)).toBe(source);
  expect(withPins(source, new Map([['main', `app${a}`]])).spec.containers).toEqual([{ name: 'main', image: `app${a}`, args: ['serve'] }]);
  expect(pinFindings(source, new Map([['main', `app${a}`]]))).toMatchObject([
    { code: 'KM-IMAGE-BY-DIGEST', text: expect.stringContaining(`app${a}`) },
  ]);
});

test('an image that is still another one is told', () => {
  const image = 'registry.test:5000/team/app:1';
  expect(otherImages(pod('sha256:1'), helper(image, { imageID: 'sha256:2' }), none)).toMatchObject([{ code: 'KM-IMAGE' }]);
  expect(otherImages(pod('sha256:1'), helper(image, { imageID: 'sha256:1' }), none)).toEqual([]);
  expect(otherImages(pod(`app${a}`), helper(`app${a}`, { imageID: `app${a}` }), new Map([['main', `app${a}`]]))).toEqual([]);
});

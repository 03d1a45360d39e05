import { describe, expect, vi } from 'vitest';
import { kubectl, logs, mustKubectl, mustMigrate } from './cluster.ts';
import { test } from './pod-test.ts';
import { containerOf, podOf } from './pods.ts';
import { breaksIn, stepsIn } from './steps.ts';

describe.concurrent('the files of a pod come over', () => {
  test('under whatever names, in volumes and in the container itself', async ({ start }) => {
    const names = [
      'caf\\351.txt',
      '\\377\\376',
      'r\\351sum\\351/inner',
      'new\\012line',
      '-rf',
      'back\\134slash\\134n',
      '\\303\\274',
      '# file: x',
    ];
    const make = (folder: string): string =>
      names
        .map((name) => `n=$(printf '${name.replace(/^-/, '\\055')}'); mkdir -p "$(dirname "${folder}/$n")"; echo "$n" > "${folder}/$n"`)
        .join('; ');
    await start(
      podOf('names', [], {
        volumes: [{ name: 'data', emptyDir: {} }],
        containers: [
          containerOf('main', ['sh', '-c', `${make('/root/own')}; ${make('/data/volume')}; exec ticker 2 20`], {
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          }),
        ],
      }),
    );
    const look = 'cd /; find root/own data/volume -type f -exec md5sum {} + | sort | od -c';
    const seen = async (): Promise<string> => mustKubectl('home', 'exec', 'names', '--', 'sh', '-c', look);
    const before = await seen();
    expect(before.match(/ 351/g)?.length).toBeGreaterThan(4);
    await mustMigrate('names');
    expect(await seen()).toBe(before);
  });

  test('also those that did not change in a folder of the image that was made anew, while others change all the time', async ({
    start,
  }) => {
    const script = [
      'rm -r /etc/from-image.d; mkdir -p /etc/from-image.d/deep; echo 3 > /etc/from-image.d/three; echo 4 > /etc/from-image.d/deep/four',
      'while true; do echo "tick $((n++)) $(date +%s).000"; echo $n >> /root/log; sleep 0.05; done',
    ].join('; ');
    await start(podOf('made-anew', ['sh', '-c', script]));
    const look = 'cd /etc/from-image.d; find . | sort; cat three deep/four';
    const seen = async (): Promise<string> => (await kubectl('home', 'exec', 'made-anew', '--', 'sh', '-c', look)).stdout;
    expect(await seen()).toBe('.\n./deep\n./deep/four\n./three\n3\n4\n');
    await mustMigrate('made-anew');
    expect(await seen()).toBe('.\n./deep\n./deep/four\n./three\n3\n4\n');
  });

  test('as new as the memory of a program that writes them through mappings which come and go', async ({ start }) => {
    await start(
      podOf('remaps', [], {
        volumes: [
          { name: 'disk', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
        ],
        containers: [
          containerOf('main', ['remapper', '/disk/page', '/memory/page', '/dev/shm/page', '/root/page'], {
            volumeMounts: [
              { name: 'disk', mountPath: '/disk' },
              { name: 'memory', mountPath: '/memory' },
            ],
          }),
        ],
      }),
    );
    // Stamps that are young are not believed, whatever they say.
    await vi.waitFor(async () => expect(stepsIn(await logs('home', 'remaps')).length).toBeGreaterThan(250), {
      timeout: 30_000,
      interval: 500,
    });
    await mustMigrate('remaps');
    await vi.waitFor(async () => expect(stepsIn(await logs('home', 'remaps')).length).toBeGreaterThan(20), {
      timeout: 20_000,
      interval: 500,
    });
    const after = await logs('home', 'remaps');
    expect(after).not.toMatch(/BEHIND/);
    expect(breaksIn(stepsIn(after))).toEqual([]);
  });
});

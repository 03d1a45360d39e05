import { expect, test } from 'vitest';
import { readCreateCall } from '../../src/agent/target/create-call.ts';

const read = (text: string) => {
  const words = text.split(' ');
  const { bundle, pidFile, asRestore } = readCreateCall(words, words.indexOf('create'));
  return { bundle, pidFile, restore: asRestore(['--detach', '--image-path', '/images']).join(' ') };
};

test("containerd's call, with a terminal", () => {
  expect(
    read(
      'runc --root /run/runc/k8s.io --log /b/log.json --log-format json --systemd-cgroup create --bundle /b --pid-file /b/init.pid --console-socket /tmp/pty.sock c0ffee',
    ),
  ).toEqual({
    bundle: '/b',
    pidFile: '/b/init.pid',
    restore:
      'runc --root /run/runc/k8s.io --log /b/log.json --log-format json --systemd-cgroup restore --detach --image-path /images --bundle /b --console-socket /tmp/pty.sock c0ffee',
  });
});

test("CRI-O's call, by another name and with signs of equality", () => {
  expect(read('/usr/libexec/crio/crun --systemd-cgroup --root=/run/crun create --bundle=/b -pid-file=/p c0ffee')).toEqual({
    bundle: '/b',
    pidFile: '/p',
    restore: '/usr/libexec/crio/crun --systemd-cgroup --root=/run/crun restore --detach --image-path /images --bundle /b c0ffee',
  });
});

test('a call without a bundle, or with one that depends on where one stands, is refused', () => {
  expect(() => read('runc create c0ffee')).toThrow(/bundle/);
  expect(() => read('runc create --bundle here c0ffee')).toThrow(/bundle/);
});

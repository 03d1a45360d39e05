import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentImage } from '../../src/cli/agent-image.ts';
import { readCommandLine } from '../../src/cli/command-line.ts';
import { connectionFlags } from '../../src/cli/flags.ts';
import { migrateArguments, type MigrateArguments } from '../../src/cli/migrate-arguments.ts';

async function parse(line: string): Promise<MigrateArguments> {
  return migrateArguments(await readCommandLine(line.split(' ').filter(Boolean)));
}

test('everything that is not said has its default', async () => {
  expect(await parse('web-0 --to milan')).toEqual({
    wanted: [{ kind: 'Pod', name: 'web-0' }],
    isKeepGoing: false,
    to: 'milan',
    dryRun: 'none',
    output: { format: 'text' },
    isEvents: false,
    timeline: undefined,
    agentImage,
    toleratesOutages: false,
    verbosity: 0,
    connection: {},
  });
});

test.each([
  ['--events -o json', '--events and --output cannot be used together'],
  ['--events --dry-run', '--events and --dry-run cannot be used together'],
  ['--timeline x.svg --dry-run=client', '--timeline and --dry-run cannot be used together'],
  ['--timeline /', 'it is a directory'],
  ['--timeline /nowhere/x.svg', 'it cannot be written (ENOENT)'],
])('what makes no sense is refused before anything is touched: %s', async (words, reason) => {
  await expect(parse(`web-0 --to milan ${words}`)).rejects.toThrow(reason);
});

describe('the pod', () => {
  test.each(['web-0', 'pod/web-0', 'pods/web-0', 'po/web-0', 'Pod/web-0', 'pod web-0'])('may be called %s', async (words) => {
    expect((await parse(`${words} --to milan`)).wanted).toEqual([{ kind: 'Pod', name: 'web-0' }]);
  });

  test.each(['007', '1e3', '0x1'])('may look like the number %s', async (word) => {
    expect((await parse(`--to milan ${word}`)).wanted).toEqual([{ kind: 'Pod', name: word }]);
  });

  test('may stand behind --', async () => {
    expect((await parse('--to milan -- web-0')).wanted).toEqual([{ kind: 'Pod', name: 'web-0' }]);
  });
});

describe('several pods', () => {
  const pod = (name: string): object => ({ kind: 'Pod', name });
  test.each([
    ['a b', [pod('a'), pod('b')]],
    ['b a b', [pod('b'), pod('a')]],
    ['pods a b', [pod('a'), pod('b')]],
    ['pod/a deploy/web', [pod('a'), { kind: 'Deployment', name: 'web' }]],
    ['a deploy/web', [pod('a'), { kind: 'Deployment', name: 'web' }]],
    [
      'deployment web shop',
      [
        { kind: 'Deployment', name: 'web' },
        { kind: 'Deployment', name: 'shop' },
      ],
    ],
    ['-l app=web', [{ kind: 'selector', selector: 'app=web' }]],
    ['--selector app=web', [{ kind: 'selector', selector: 'app=web' }]],
    ['-lapp=web', [{ kind: 'selector', selector: 'app=web' }]],
    ['pods -l app=web', [{ kind: 'selector', selector: 'app=web' }]],
  ])('%s', async (words, wanted) => {
    expect((await parse(`${words} --to milan`)).wanted).toEqual(wanted);
  });
});

describe('the kind of what keeps pods', () => {
  test.each<[string, readonly string[]]>([
    ['Pod', ['pod', 'pods', 'po', 'PODS']],
    ['Deployment', ['deployment', 'deployments', 'deploy', 'Deployment', 'deployment.apps', 'deployments.apps', 'deployments.v1.apps']],
    ['StatefulSet', ['statefulset', 'statefulsets', 'sts', 'statefulset.apps']],
    ['ReplicaSet', ['replicaset', 'replicasets', 'rs', 'replicasets.apps']],
    ['ReplicationController', ['replicationcontroller', 'replicationcontrollers', 'rc']],
    ['Job', ['job', 'jobs', 'job.batch', 'jobs.v1.batch']],
    ['KnativeService', ['ksvc', 'kservice', 'service.serving.knative.dev', 'services.serving.knative.dev']],
  ])('%s may be called %j', async (kind, words) => {
    for (const word of words) {
      expect((await parse(`${word}/x --to milan`)).wanted).toEqual([{ kind, name: 'x' }]);
      expect((await parse(`${word} x --to milan`)).wanted).toEqual([{ kind, name: 'x' }]);
    }
  });
});

describe('flags are read as kubectl reads them', () => {
  test.each<[string, Partial<MigrateArguments>]>([
    ['--to=milan', { to: 'milan' }],
    ['--to rome --to milan', { to: 'milan' }],
    ['--to -dashed', { to: '-dashed' }],
    ['--to milan -n shop', { connection: { namespace: 'shop' } }],
    ['--to milan -nshop', { connection: { namespace: 'shop' } }],
    ['--to milan -n=shop', { connection: { namespace: 'shop' } }],
    ['--to milan --namespace=shop', { connection: { namespace: 'shop' } }],
    ['--to milan --namespace=', { connection: {} }],
    ['--to milan -ojson', { output: { format: 'json' } }],
    ['--to milan --output json', { output: { format: 'json' } }],
    ['--to milan --dry-run', { dryRun: 'client' }],
    ['--dry-run --to milan', { dryRun: 'client' }],
    ['--to milan --dry-run=client', { dryRun: 'client' }],
    ['--to milan --dry-run=server', { dryRun: 'server' }],
    ['--to milan --dry-run=none', { dryRun: 'none' }],
    ['--to milan --agent-image example.org/agent:1', { agentImage: 'example.org/agent:1' }],
    ['--to milan --max-freeze 1.5s', { maxFreezeMs: 1500 }],
    ['--to milan --tolerate-outages', { toleratesOutages: true }],
    ['--to milan --keep-going', { isKeepGoing: true }],
    ['--to milan --keep-going=false', { isKeepGoing: false }],
    ['--to milan --quiesce', { quiesceMs: 30_000 }],
    ['--to milan --quiesce=5', { quiesceMs: 5_000 }],
  ])('%s', async (flags, expected) => {
    expect(await parse(`${flags} web-0`)).toMatchObject(expected);
    expect(await parse(`web-0 ${flags}`)).toMatchObject(expected);
  });

  test.each<[string, object]>([
    ['--kubeconfig /k --context c --cluster l --user u', { kubeconfig: '/k', context: 'c', cluster: 'l', user: 'u' }],
    ['-s https://x', { server: 'https://x' }],
    ['--server=https://x', { server: 'https://x' }],
    ['--token a=b --username me --password pw', { token: 'a=b', username: 'me', password: 'pw' }],
    ['--as her --as-uid 7', { as: 'her', asUid: '7' }],
    ['--as-group one --as-group two,three', { asGroup: ['one', 'two,three'] }],
    ['--as-user-extra k=1 --as-user-extra k=2=3 --as-user-extra l=', { asUserExtra: { k: ['1', '2=3'], l: [''] } }],
    [
      '--client-certificate /c --client-key /k --certificate-authority /a',
      { clientCertificate: '/c', clientKey: '/k', certificateAuthority: '/a' },
    ],
    ['--tls-server-name n', { tlsServerName: 'n' }],
    ['--insecure-skip-tls-verify', { insecureSkipTlsVerify: true }],
    ['--insecure-skip-tls-verify=false', { insecureSkipTlsVerify: false }],
    ['--request-timeout 5', { requestTimeoutMs: 5000 }],
    ['--request-timeout=0', { requestTimeoutMs: 0 }],
    ['--request-timeout=1m30s', { requestTimeoutMs: 90_000 }],
    ['--request-timeout=1.5s', { requestTimeoutMs: 1500 }],
    ['--cache-dir /c --disable-compression', {}],
  ])('%s', async (flags, connection) => {
    expect((await parse(`${flags} web-0 --to milan`)).connection).toEqual(connection);
  });
});

describe('what makes no sense is told as kubectl tells it', () => {
  const kindWords = 'pod, deployment, statefulset, replicaset, replicationcontroller, job, ksvc';
  const usage = "See 'kubectl migrate --help' for usage.";
  test.each<[string, string, string?]>([
    ['--to milan', 'a pod is required: kubectl migrate POD --to CLUSTER'],
    ['web-0', 'the cluster to move the pod to is required: --to CLUSTER'],
    ['web-0 --to=', 'the cluster to move the pod to is required: --to CLUSTER'],
    ['web-0 --to', 'flag needs an argument: --to'],
    ['web-0 --to milan -n', 'flag needs an argument: -n'],
    ['pod/a/b --to milan', 'arguments in resource/name form may not have more than one slash: "pod/a/b"'],
    ['pod/ --to milan', '"pod/" is not the name of a pod'],
    ['Web_0 --to milan', '"Web_0" is not the name of a pod'],
    ['../x --to milan', `pods cannot be asked for by "..", but by one of: ${kindWords}`],
    ['daemonset/x --to milan', `pods cannot be asked for by "daemonset", but by one of: ${kindWords}`],
    ['service/x --to milan', `pods cannot be asked for by "service", but by one of: ${kindWords}`],
    ['deployment.batch/x --to milan', `pods cannot be asked for by "deployment.batch", but by one of: ${kindWords}`],
    [
      'deploymnt/x --to milan',
      `pods cannot be asked for by "deploymnt", but by one of: ${kindWords}`,
      `Did you mean deployment/x? ${usage}`,
    ],
    ['deployment/Web --to milan', '"deployment/Web" is not the name of a deployment'],
    [
      'deployment --to milan',
      'deployment was provided, but no name was specified',
      `A pod of that name is moved by 'kubectl migrate pod/deployment --to CLUSTER'. ${usage}`,
    ],
    [
      'deployment pod/x --to milan',
      "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl migrate pod/NAME' instead of 'kubectl migrate pod pod/NAME')",
    ],
    ['web-0 -l app=web --to milan', 'name cannot be provided when a selector is specified'],
    ['pod web-0 -l app=web --to milan', 'name cannot be provided when a selector is specified'],
    ['deployments -l app=web --to milan', 'a selector picks pods, not "deployments"'],
    ['-l= --to milan', 'a pod is required: kubectl migrate POD --to CLUSTER'],
    ['a b --to milan --timeline -', '--timeline draws the move of one pod, which has to be named'],
    ['deploy/a --to milan --timeline -', '--timeline draws the move of one pod, which has to be named'],
    ['web-0 --contxt c --to milan', 'unknown flag: --contxt', `Did you mean --context? ${usage}`],
    ['web-0 --xyz', 'unknown flag: --xyz'],
    ['web-0 --no-to', 'unknown flag: --no-to'],
    ['web-0 -x', "unknown shorthand flag: 'x'"],
    ['web-0 --to milan --dry-run=maybe', 'Invalid dry-run value (maybe). Must be "none", "server", or "client".'],
    [
      'web-0 --to milan --dry-run=sever',
      'Invalid dry-run value (sever). Must be "none", "server", or "client".',
      `Did you mean server? ${usage}`,
    ],
    [
      'web-0 --to milan -o jaml',
      'unable to match a printer suitable for the output format "jaml", allowed formats are: json,jsonpath,jsonpath-as-json,name,wide,yaml',
      `Did you mean -o yaml? ${usage}`,
    ],
    ['web-0 --to milan -o jsonpath', 'template format specified but no template given'],
    ['web-0 --to milan -o jsonpath={.pod', 'error parsing jsonpath {.pod, unclosed action'],
    ['target', 'the cluster to move the pod to is required: --to CLUSTER', `Did you mean 'kubectl migrate targets'? ${usage}`],
    [
      'web-0 --to milan --insecure-skip-tls-verify=perhaps',
      'invalid argument "perhaps" for "--insecure-skip-tls-verify" flag: it must be true or false',
    ],
    ['web-0 --to milan --as-user-extra x', 'invalid argument "x" for "--as-user-extra" flag: x must be formatted as key=value'],
    [
      'web-0 --to milan --request-timeout 5parsecs',
      'Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)',
    ],
  ])('%s', async (line, message, hint = usage) => {
    await expect(parse(line)).rejects.toMatchObject({ kind: 'usage', exitCode: 2, message: `error: ${message}`, hint });
  });
});

describe('the command', () => {
  test.each([
    ['web-0 --to milan', ''],
    ['help', 'help'],
    ['-n shop help', 'help'],
    ['pod/help --to milan', ''],
    ['pod help --to milan', ''],
    ['-- help', ''],
  ])('of %j is %j', async (line, name) => {
    expect((await readCommandLine(line.split(' '))).command.name).toBe(name);
  });

  test('is told from a pod of its name', async () => {
    await expect(readCommandLine(['help', '--to', 'milan'])).rejects.toMatchObject({
      message: 'error: unknown flag: --to',
      hint: `"help" is a command; a pod of that name is moved by 'kubectl migrate pod/help --to CLUSTER'. See 'kubectl migrate help --help' for usage.`,
    });
  });
});

test('a value comes through as it was given, whatever it is', async () => {
  const valued = connectionFlags.filter(({ kind, name }) => kind === 'string' && !['request-timeout', 'cache-dir'].includes(name));
  const camel = (name: string): string => name.replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase());
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...valued),
      fc.string({ minLength: 1, unit: 'binary' }),
      fc.boolean(),
      async ({ name }, value, isJoined) => {
        const flag = isJoined ? [`--${name}=${value}`] : [`--${name}`, value];
        const args = migrateArguments(await readCommandLine([...flag, 'web-0', '--to', 'milan']));
        expect(args).toMatchObject({ wanted: [{ kind: 'Pod', name: 'web-0' }], connection: { [camel(name)]: value } });
      },
    ),
  );
});

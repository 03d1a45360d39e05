import type { KubeConnection } from '../kube/connection.ts';
import { isAlreadyExists, isNotFound, KubeError, serverWords } from '../kube/errors.ts';
import { podsIn, secretsIn } from '../kube/paths.ts';
import type { KubeObject } from '../kube/types.ts';
import { forgeShadowPod } from '../liqo/forge-shadow-pod.ts';
import { homePod } from '../liqo/home-pod.ts';
import { missingReferences } from '../liqo/missing-references.ts';
import { shadowPodsIn } from '../liqo/paths.ts';
import { standbyShadowPod } from '../liqo/standby.ts';
import { tokenPath, tokenRequest, tokenSecret } from '../liqo/token-secret.ts';
import { finding, type Finding } from '../preflight/finding.ts';
import type { MigrationRequest, PlanReport } from './contract.ts';
import { sourceHelper, targetHelper } from './helpers/pods.ts';
import type { Pins } from './helpers/images.ts';
import { reachDirectly } from './peer-connection.ts';
import { lacking } from '../preflight/references.ts';
import { isAllowed } from '../preflight/rights.ts';
import { planReport, type Plan } from './plan.ts';
import { makePlan } from './steps/plan.ts';

/** A plan of which the API servers have judged every write; what they refuse is among its `findings`. */
export interface DryRun extends PlanReport {
  /** What was not asked of anybody, with the reason. */
  readonly notChecked: readonly string[];
}

/** In the place of a migration's own id. */
const id = 'dry-run';
const asDryRun = { dryRun: 'All' } as const;
/** Which images have another meaning at the peer shows only when they are pulled. */
const noPins: Pins = new Map<string, string>();

/**
 * Makes the plan, and then sends every request of a migration that changes something with `dryRun=All`: admission,
 * validation, quotas and rights answer as they would, and nothing is persisted. Each is judged by itself, against what
 * is there now: two helpers that fit into a quota one by one need not fit both. What changes objects that are only made
 * on the way (labels of the ShadowPod, say) is asked as a question of rights.
 *
 * @throws as `makePlan`, and KubeError when the home cluster cannot be reached
 */
export async function dryRun(request: MigrationRequest, signal: AbortSignal): Promise<DryRun> {
  const plan = await makePlan(request, id, signal);
  const attempts = new DryRunAttempts(signal);
  await tryHome(attempts, request.connection, plan);
  const { peer } = plan;
  const secret = `${peer.tenantNamespace}/${peer.kubeconfigSecret}`;
  const reached = await attempts.attempt(request.connection, 'read', 'secret', secret, async () => ({
    remote: await reachDirectly(request.connection, peer, signal),
  }));
  if (reached?.remote) await tryPeer(attempts, reached.remote, plan).finally(() => reached.remote?.close());
  else
    attempts.notChecked.push(
      `everything at ${peer.virtualNode}: ${reached ? 'its API server cannot be reached from here' : "Liqo's credential for it may not be read"}`,
    );
  return { ...planReport(plan), findings: [...plan.findings, ...attempts.findings], notChecked: attempts.notChecked };
}

async function tryHome(attempts: DryRunAttempts, home: KubeConnection, plan: Plan): Promise<void> {
  const { pod, peer } = plan;
  const { name, namespace = '' } = pod.metadata;
  const pods = podsIn(namespace);
  const move = { ...plan, sourceNode: plan.sourceNode ?? '' };
  await attempts.create(home, pods, sourceHelper(move));
  await attempts.create(home, pods, targetHelper(move, noPins));
  for (const token of plan.tokens) {
    const account = `${namespace}/${pod.spec.serviceAccountName ?? 'default'}`;
    await attempts.attempt(home, 'give a token of', 'serviceaccount', account, async () =>
      home.create(tokenPath(pod), tokenRequest(token), attempts.signal, asDryRun),
    );
  }
  const options = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid }, dryRun: ['All'] };
  await attempts.attempt(home, 'delete', 'pod', `${namespace}/${name}`, async () =>
    home.delete(`${pods}/${name}`, options, attempts.signal),
  );
  // The pod is still there, and a server finds that out last of all.
  await attempts.create(home, pods, homePod(pod, peer), isAlreadyExists);
}

async function tryPeer(attempts: DryRunAttempts, remote: KubeConnection, plan: Plan): Promise<void> {
  const { pod, peer, twinNamespace, tokens } = plan;
  const collection = shadowPodsIn(twinNamespace);
  const helper = targetHelper({ ...plan, sourceNode: plan.sourceNode ?? '' }, noPins);
  await attempts.create(remote, collection, forgeShadowPod(helper, peer, twinNamespace));
  if (tokens.length > 0) {
    const secrets = secretsIn(twinNamespace);
    const secret = tokenSecret(plan, Object.fromEntries(tokens.map(({ key }) => [key, ''])), new Date().toISOString());
    const { name } = secret.metadata;
    const deletion = async (): Promise<void> => remote.delete(`${secrets}/${name}`, { dryRun: ['All'] }, attempts.signal);
    await attempts.attempt(remote, 'delete', 'secret', `${twinNamespace}/${name}`, deletion, isNotFound);
    await attempts.create(remote, secrets, secret, isAlreadyExists);
  }
  const twin = {
    ...helper,
    metadata: { ...helper.metadata, uid: '00000000-0000-0000-0000-000000000000' },
    spec: { ...helper.spec, nodeName: '' },
  };
  await attempts.create(remote, collection, standbyShadowPod(pod, peer, twinNamespace, twin));
  await attempts.mayChange(remote, twinNamespace, tokens.length > 0);
  const { spec } = forgeShadowPod(pod, peer, twinNamespace);
  const references = await attempts.attempt(remote, 'read', 'references of pod', `${twinNamespace}/${pod.metadata.name}`, async () =>
    missingReferences(remote, spec.pod, pod.metadata.name, twinNamespace, attempts.signal),
  );
  if (references && references.length > 0) attempts.findings.push(lacking(peer, twinNamespace, references));
  attempts.notChecked.push(
    `the admission of the pods themselves at ${peer.virtualNode}: Liqo makes them there, and its credential may not`,
  );
}

/** Gathers what servers refuse. */
class DryRunAttempts {
  readonly findings: Finding[] = [];
  readonly notChecked: string[] = [];
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** @param isFine tells of a refusal that a migration would not meet */
  async create(connection: KubeConnection, collection: string, object: KubeObject, isFine?: (error: unknown) => boolean): Promise<void> {
    const { name, namespace } = object.metadata;
    const kind = object.kind === 'ShadowPod' ? 'ShadowPod' : (object.kind ?? '').toLowerCase();
    await this.attempt(
      connection,
      'create',
      kind,
      `${namespace}/${name}`,
      async () => connection.create(collection, object, this.signal, asDryRun),
      isFine,
    );
  }

  async attempt<T>(
    connection: KubeConnection,
    verb: string,
    kind: string,
    name: string,
    work: () => Promise<T>,
    isFine: (error: unknown) => boolean = () => false,
  ): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KubeError) || error.code === 0) throw error;
      if (isFine(error)) return undefined;
      const words = serverWords(error);
      // A webhook that may have effects of its own is never asked without leave to have them.
      if (/does not support dry run/.test(words))
        this.notChecked.push(`to ${verb} ${kind} ${name} in cluster ${connection.name}: ${words}`);
      else {
        const text = `cluster ${connection.name} refuses to ${verb} ${kind} ${name}: ${words}`;
        this.findings.push(finding('KM-SERVER-REFUSES', { kind: 'cluster', name: connection.name }, text, remedyFor(words, name)));
      }
      return undefined;
    }
  }

  /** What is only made on the way cannot be tried before: the ShadowPod is labelled and deleted later on, the tokens' Secret released. */
  async mayChange(remote: KubeConnection, namespace: string, hasTokens: boolean): Promise<void> {
    const later = [
      ...['get', 'patch', 'delete'].map((verb) => ({ verb, group: 'offloading.liqo.io', resource: 'shadowpods' })),
      ...(hasTokens ? ['get', 'patch'].map((verb) => ({ verb, group: '', resource: 'secrets' })) : []),
    ];
    for (const { verb, group, resource } of later) {
      if (await isAllowed(remote, { verb, group, resource, namespace }, this.signal)) continue;
      const text = `Liqo's user may not ${verb} ${resource} in namespace ${namespace} of cluster ${remote.name}`;
      this.findings.push(finding('KM-RIGHTS', { kind: 'namespace', name: namespace }, text));
    }
  }
}

function remedyFor(words: string, name: string): string | undefined {
  if (!words.includes('violates PodSecurity')) return undefined;
  return `the helper pods must be privileged: kubectl label namespace ${name.split('/')[0]} pod-security.kubernetes.io/enforce=privileged --overwrite`;
}

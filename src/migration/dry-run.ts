import { isDeepStrictEqual } from 'node:util';
import type { KubeConnection } from '../kube/connection.ts';
import { isAlreadyExists, isNotFound, KubeError, serverWords } from '../kube/errors.ts';
import { forgeShadowPod } from '../liqo/forge-shadow-pod.ts';
import { missingReferences } from '../liqo/missing-references.ts';
import { shadowPodsIn } from '../liqo/paths.ts';
import { finding, type Finding } from '../preflight/finding.ts';
import { lacking } from '../preflight/references.ts';
import { isAllowed, type Right } from '../preflight/rights.ts';
import type { MigrationRequest, PlanReport } from './contract.ts';
import { targetHelper } from './helpers/pods.ts';
import { reachDirectly } from './peer-connection.ts';
import { planReport, type Plan } from './plan.ts';
import { rightsAtPeer } from './rights.ts';
import { writesOf } from './steps.ts';
import { makePlan } from './steps/plan.ts';
import { creation, objectPath, rightOf, type Write } from './write.ts';

/** A plan of which the API servers have judged every write; what they refuse is among its `findings`. */
export interface DryRun extends PlanReport {
  /** What was not asked of anybody, with the reason. */
  readonly notChecked: readonly string[];
}

/** In the place of a migration's own id. */
const id = 'dry-run';

/**
 * Makes the plan, and then sends every request of a migration that changes something with `dryRun=All`: admission,
 * validation, quotas and rights answer as they would, and nothing is persisted. Each is judged by itself, against what
 * is there now: two helpers that fit into a quota one by one need not fit both. What changes objects that are only made
 * on the way (labels of the ShadowPod, say) is asked as a question of rights.
 *
 * @throws as `makePlan`, and KubeError when the home cluster cannot be reached
 */
export async function dryRun(request: MigrationRequest, signal: AbortSignal): Promise<DryRun> {
  const { connection: home } = request;
  const plan = await makePlan(request, id, signal);
  const attempts = new DryRunAttempts(signal);
  await attempts.tryAll(
    home,
    writesOf(plan).filter(({ at }) => at === 'home'),
  );
  const { peer } = plan;
  const secret = { verb: 'read', kind: 'secret', namespace: peer.tenantNamespace, name: peer.kubeconfigSecret };
  const reached = await attempts.attempt(home, secret, async () => ({ remote: await reachDirectly(home, peer, signal) }));
  if (reached?.remote) await tryPeer(attempts, reached.remote, plan).finally(() => reached.remote?.close());
  else
    attempts.notChecked.push(
      `everything at ${peer.virtualNode}: ${reached ? 'its API server cannot be reached from here' : "Liqo's credential for it may not be read"}`,
    );
  return { ...planReport(plan), findings: [...plan.findings, ...attempts.findings], notChecked: attempts.notChecked };
}

async function tryPeer(attempts: DryRunAttempts, remote: KubeConnection, plan: Plan): Promise<void> {
  const { pod, peer, twinNamespace } = plan;
  const reflected = forgeShadowPod(targetHelper(plan, new Map()), peer, twinNamespace);
  await attempts.tryAll(remote, [
    creation('peer', shadowPodsIn(twinNamespace), reflected), // Liqo makes it of the helper at home
    ...writesOf(plan).filter(({ at }) => at === 'peer'),
  ]);
  await attempts.mayChange(remote, rightsAtPeer(plan));
  const { spec } = forgeShadowPod(pod, peer, twinNamespace);
  const read = { verb: 'read', kind: 'references of pod', namespace: twinNamespace, name: pod.metadata.name };
  const references = await attempts.attempt(remote, read, async () =>
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
  readonly #tried: Right[] = [];

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Tries those writes to one cluster that make something, or are about what is there now. */
  async tryAll(connection: KubeConnection, writes: readonly Write[]): Promise<void> {
    const [made, gone] = [new Set<string>(), new Set<string>()];
    for (const write of writes) {
      const path = objectPath(write);
      if (write.verb === 'patch' || (write.verb === 'delete' && made.has(path))) continue;
      // The old object is still there, and a server finds that out last of all.
      const isFine = (error: unknown): boolean =>
        write.verb === 'create' ? gone.has(path) && isAlreadyExists(error) : write.isOfLeftover === true && isNotFound(error);
      this.#tried.push(rightOf(write));
      await this.attempt(connection, deedOf(write), async () => this.#try(connection, write), isFine);
      (write.verb === 'create' ? made : gone).add(path);
    }
  }

  /** @param isFine tells of a refusal that a migration would not meet */
  async attempt<T>(
    connection: KubeConnection,
    { verb, kind, namespace, name }: Deed,
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
      const what = `${verb} ${kind} ${namespace}/${name}`;
      if (/does not support dry run/.test(words)) this.notChecked.push(`to ${what} in cluster ${connection.name}: ${words}`);
      else {
        const text = `cluster ${connection.name} refuses to ${what}: ${words}`;
        const remedy = remedyFor(words, namespace);
        this.findings.push(finding('KM-SERVER-REFUSES', { kind: 'cluster', name: connection.name }, text, remedy));
      }
      return undefined;
    }
  }

  /** What is only made on the way cannot be tried before: the ShadowPod is labelled and deleted later on, the tokens' Secret released. */
  async mayChange(remote: KubeConnection, rights: readonly Right[]): Promise<void> {
    const later = rights.filter((right) => !this.#tried.some((one) => isDeepStrictEqual(one, right)));
    for (const right of later) {
      if (await isAllowed(remote, right, this.signal)) continue;
      const { verb, resource, namespace = '' } = right;
      const text = `Liqo's user may not ${verb} ${resource} in namespace ${namespace} of cluster ${remote.name}`;
      this.findings.push(finding('KM-RIGHTS', { kind: 'namespace', name: namespace }, text));
    }
  }

  async #try(connection: KubeConnection, { verb, path, body }: Write): Promise<void> {
    if (verb === 'create') await connection.create(path, body, this.signal, { dryRun: 'All' });
    else await connection.delete(path, { ...body, dryRun: ['All'] }, this.signal);
  }
}

/** For messages: `create ShadowPod demo/web-0`. */
interface Deed {
  readonly verb: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

const kinds: Readonly<Record<string, string>> = { pods: 'pod', secrets: 'secret', shadowpods: 'ShadowPod' };

function deedOf(write: Write): Deed {
  const path = objectPath(write);
  const { verb, resource, namespace = '', name = path.split('/').at(-1) ?? '' } = rightOf({ verb: write.verb, path });
  if (resource === 'serviceaccounts/token') return { verb: 'give a token of', kind: 'serviceaccount', namespace, name };
  return { verb, kind: kinds[resource] ?? resource, namespace, name };
}

function remedyFor(words: string, namespace: string): string | undefined {
  if (!words.includes('violates PodSecurity')) return undefined;
  return `the helper pods must be privileged: kubectl label namespace ${namespace} pod-security.kubernetes.io/enforce=privileged --overwrite`;
}

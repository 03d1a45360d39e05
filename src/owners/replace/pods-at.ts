import type { KubeConnection } from '../../kube/connection.ts';
import { KubeError, serverWords, unlessNotFound } from '../../kube/errors.ts';
import { podsIn } from '../../kube/paths.ts';
import { isAnswered, type Pipeline, type PipelinedAnswer, type PipelinedRequest } from '../../kube/pipeline.ts';
import { retry, type RetryPolicy } from '../../kube/retry.ts';
import type { Pod } from '../../kube/types.ts';

/** The pods of a namespace, for those who replace one of them. */
export class PodsAt {
  readonly connection: KubeConnection;
  readonly collection: string;
  readonly #namespace: string;
  readonly policy: RetryPolicy;
  #pipeline: Pipeline | undefined;
  #keepsConnections = true;

  /** @param policy for what may be asked again when a server is away */
  constructor(connection: KubeConnection, namespace: string, policy: RetryPolicy) {
    this.connection = connection;
    this.#namespace = namespace;
    this.collection = podsIn(namespace);
    this.policy = policy;
  }

  /** The same by another connection, so that neither waits for the other's answers. */
  another(): PodsAt {
    return new PodsAt(this.connection, this.#namespace, this.policy);
  }

  path(name: string): string {
    return `${this.collection}/${name}`;
  }

  async get(name: string): Promise<Pod | undefined> {
    return await retry(async () => this.connection.get<Pod>(this.path(name)).catch(unlessNotFound), this.policy);
  }

  /** Opens the connection on which changes go out, before anything hangs on it. */
  async prepare(name: string): Promise<void> {
    if (!this.#keepsConnections || this.#pipeline?.isOpen) return;
    try {
      this.#pipeline = await this.connection.pipeline(this.path(name));
    } catch (error) {
      // Where each answer ends a connection there is only one request after the other.
      if (!(error instanceof KubeError) || error.reason !== 'Unkept') throw error;
      this.#keepsConnections = false;
    }
  }

  /** Sends all in one write where that can be. @throws KubeError when nothing was sent, as no connection could be opened */
  async write(name: string, requests: readonly PipelinedRequest[], deadlineMs: number): Promise<PipelinedAnswer[]> {
    await this.prepare(name);
    if (this.#pipeline?.isOpen) return await this.#pipeline.send(requests, deadlineMs);
    return await this.#oneByOne(requests, deadlineMs);
  }

  close(): void {
    this.#pipeline?.close();
  }

  async #oneByOne(requests: readonly PipelinedRequest[], deadlineMs: number): Promise<PipelinedAnswer[]> {
    const answers: PipelinedAnswer[] = [];
    for (const request of requests) {
      const before = answers.at(-1);
      answers.push(before && !isAnswered(before) ? before : await this.#one(request, deadlineMs));
    }
    return answers;
  }

  async #one({ method, path, body, contentType }: PipelinedRequest, deadlineMs: number): Promise<PipelinedAnswer> {
    const url = new URL(path, 'http://path');
    const query = Object.fromEntries(url.searchParams);
    try {
      const answer = await this.connection.open(url.pathname, { method, body, query, deadlineMs, ...(contentType ? { contentType } : {}) });
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
      return { code: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown };
    } catch (error) {
      if (error instanceof KubeError && error.code > 0)
        return { code: error.code, body: { kind: 'Status', reason: error.reason, message: serverWords(error) } };
      return { lost: error as Error };
    }
  }
}

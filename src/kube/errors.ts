/** The API's answer to a request that it did not carry out. */
export interface Status {
  readonly kind?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[] };
}

/** A request to an API server that did not succeed, worded as kubectl words it. */
export class KubeError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly code: number;
  /** The API's reason, e.g. `NotFound`, `AlreadyExists`, `Forbidden`; `Unreachable`, `Disconnected` and `Unkept` are our own. */
  readonly reason: string;

  constructor(code: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeError';
    this.code = code;
    this.reason = reason;
  }
}

/** What a server said, without the words that kubectl puts before it. */
export function serverWords({ message }: KubeError): string {
  return message.replace(/^Error from server( \(\w+\))?: /, '');
}

/** Makes the error of an answer with a status other than 2xx. The body is a Status object, or anything at all. */
export function errorOfAnswer(code: number, body: string, server: string): KubeError {
  const status = parse(body);
  if (code === 401) return new KubeError(401, 'Unauthorized', `You must be logged in to the server ${server} (Unauthorized)`);
  if (status.kind !== 'Status') return new KubeError(code, '', `${server} answered HTTP ${code}: ${body.trim().slice(0, 200)}`);
  return errorOfStatus(status, code);
}

/** Makes the error of a Status object, out of an answer, a watch or an exec session. */
export function errorOfStatus(status: Status, code: number = status.code ?? 0): KubeError {
  const reason = status.reason ?? '';
  const message = status.message ?? `HTTP ${code}`;
  if (reason === 'Invalid') return new KubeError(code, reason, `The ${message}`);
  return new KubeError(code, reason, `Error from server${reason ? ` (${reason})` : ''}: ${message}`);
}

/** Makes the error of a request that got no answer. */
export function errorOfConnection(server: string, cause: unknown): KubeError {
  if (cause instanceof KubeError) return cause;
  const text = describe(cause);
  const message =
    codeOf(cause) === 'ECONNREFUSED'
      ? `The connection to the server ${server} was refused: ${text}`
      : `Unable to connect to the server ${server}: ${text}`;
  return new KubeError(0, 'Unreachable', message, { cause });
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.code === 404;
}

/** For a `catch`: nothing, when the object is not there. @throws the error when it is another one */
export function unlessNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

/** For a `catch`: nothing, when the object is not the one that a precondition meant. @throws the error when it is another one */
export function unlessOther(error: unknown): undefined {
  if (!(error instanceof KubeError) || error.code !== 409 || error.reason !== 'Conflict') throw error;
}

/** For a `catch`: nothing, where the user may not look. @throws the error when it is another one */
export function unlessForbidden(error: unknown): undefined {
  if (!(error instanceof KubeError) || error.code !== 403) throw error;
}

/** An object of that name is there already (409 also stands for `Conflict`, which is something else). */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.reason === 'AlreadyExists';
}

/** Whether asking again can help: no answer came, or the server was not well. A refusal stays one. */
export function isPassing(error: unknown): boolean {
  return error instanceof KubeError && (error.code === 0 || error.code === 410 || error.code === 429 || error.code >= 500);
}

/** A name with several addresses fails with one error for each, under an error without a message. */
function describe(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(describe).join(', ');
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

function codeOf(cause: unknown): unknown {
  return (cause as { code?: unknown } | null)?.code;
}

function parse(body: string): Status {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

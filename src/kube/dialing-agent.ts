import type { ClientRequestArgs } from 'node:http';
import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';

/** A way to a server that is not this machine's own: opens a byte stream to host and port. */
export type Dialer = (host: string, port: number) => Promise<Duplex>;

/** An HTTPS agent whose connections run over streams of somebody else's making. TLS goes from end to end in them. */
export class DialingAgent extends Agent {
  readonly #dial: Dialer;

  constructor(dial: Dialer, options: AgentOptions) {
    super(options);
    this.#dial = dial;
  }

  override createConnection(
    options: ClientRequestArgs & ConnectionOptions,
    done: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const fail = (error: unknown): void => done(error instanceof Error ? error : new Error(String(error)), undefined as never);
    void this.#dial(String(options.host), Number(options.port)).then((socket) => {
      // The end that dials gives no name for the check: it comes from the URL, as without a dialer.
      const secure = connect({ ...options, socket, path: undefined } as ConnectionOptions);
      socket.once('error', (error) => secure.destroy(error));
      done(null, secure);
    }, fail);
    return undefined;
  }
}

import type { PeerMessage } from '../../protocol/frames.ts';
import { listenForPeer, PeerLink } from '../peer/link.ts';
import { next } from './machine.ts';
import type { Receiver } from './receiver.ts';
import type { TargetState, Transition } from './states.ts';

/** What the source's messages act on. */
export interface Listener {
  readonly state: TargetState;
  take: (step: Transition) => void;
}

/**
 * What the source says and sends. It is untrusted: a message counts only when both the machine and the receiver of files take it;
 * whatever is wrong ends the migration, if that can still be, and the link.
 */
export class SourceLink {
  readonly #receiver: Receiver;
  readonly #listener: Listener;
  #link: PeerLink | undefined;
  #stopListening: () => void = () => undefined;

  private constructor(receiver: Receiver, listener: Listener) {
    this.#receiver = receiver;
    this.#listener = listener;
  }

  /** Waits for the one connection of the source's agent. @returns the port at once */
  static async listen(key: string, receiver: Receiver, listener: Listener): Promise<{ link: SourceLink; port: number }> {
    const link = new SourceLink(receiver, listener);
    const { port, close } = await listenForPeer(key, (socket) => {
      link.#link = new PeerLink(
        socket,
        (message) => link.#orHangUp(() => link.#onMessage(message)),
        (file, data) => link.#orHangUp(() => link.#onData(file, data)),
      );
      void link.#link.closed.then((error) => {
        const reason = `the connection to the source's agent was lost: ${error.message}`;
        listener.take(next(listener.state, { type: 'link-lost', reason }));
      });
    });
    link.#stopListening = close;
    return { link, port };
  }

  send(message: PeerMessage): void {
    this.#link?.send(message);
  }

  close(): void {
    this.#stopListening();
    this.#link?.close();
    this.#receiver.close();
  }

  #onMessage(message: PeerMessage): void {
    const { state } = this.#listener;
    if (state.at === 'failed' || message.type === 'alive') return; // what was under way when the source was told
    if (message.type === 'ready') throw new Error('the source tells a stage that only a target has');
    if (message.type === 'close') return this.#receiver.onMessage(message);
    const step = next(state, message.type === 'failed' ? { type: 'fail', reason: message.message } : message);
    this.#receiver.onMessage(message);
    this.#listener.take(step);
  }

  #onData(file: number, data: Buffer): void {
    if (this.#listener.state.at !== 'failed') this.#receiver.onData(file, data);
  }

  #orHangUp(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#listener.take(next(this.#listener.state, { type: 'fail', reason: (error as Error).message }));
      this.#link?.close();
    }
  }
}

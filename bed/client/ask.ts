import { request, type Agent, type IncomingMessage } from 'node:http';
import type { Answer, Crowd } from './crowd.ts';

export type Outcome = { readonly answer: Answer; readonly isFresh: boolean } | { readonly kind: string; readonly isFresh: boolean };

/** Kinds of failures that begin so are hangs. */
export const hangs = 'hangs';
const longestBody = 64 << 10;

/** Sends one request. @returns the function's answer, or what kind of failure came of it; never throws */
export async function ask({ url, host, headers, method, limitMs }: Crowd, agent: Agent): Promise<Outcome> {
  return await new Promise((resolve) => {
    let stage = 'connection';
    let isFresh = true;
    const withHost = { ...headers, ...(host === undefined ? {} : { Host: host }) };
    const sent = request(url, { agent, headers: withHost, ...(method === undefined ? {} : { method }) });
    const over = (outcome: { answer: Answer } | { kind: string }): void => {
      clearTimeout(limit);
      sent.destroy();
      resolve({ ...outcome, isFresh });
    };
    const limit = setTimeout(() => over({ kind: `${hangs}: no ${stage} within ${limitMs} ms` }), limitMs);
    sent.once('socket', (socket) => {
      isFresh = !sent.reusedSocket;
      if (isFresh) socket.once('connect', () => (stage = 'answer'));
      else stage = 'answer';
    });
    // Not once: what is destroyed may say more than one.
    sent.on('error', (error: NodeJS.ErrnoException) =>
      over({ kind: `${error.code ?? error.message}${isFresh ? '' : ', kept connection'}` }),
    );
    sent.once('response', (response) => {
      stage = 'end of the answer';
      read(response).then(
        (text) => {
          clearTimeout(limit);
          resolve({ ...meaning(response.statusCode ?? 0, text), isFresh });
        },
        (error: NodeJS.ErrnoException) => over({ kind: `${error.code ?? error.message}, half an answer` }),
      );
    });
    sent.end();
  });
}

async function read(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > longestBody) throw new Error('a body without end');
  }
  return text;
}

function meaning(status: number, text: string): { answer: Answer } | { kind: string } {
  if (status !== 200) return { kind: `HTTP ${status} ${text.trim().slice(0, 80)}`.trim() };
  try {
    const { id, count } = JSON.parse(text) as Partial<Answer>;
    if (typeof id === 'string' && Number.isSafeInteger(count)) return { answer: { id, count: Number(count) } };
  } catch {
    // said below
  }
  return { kind: `no answer of a function: ${text.trim().slice(0, 80)}` };
}

import { chmodSync, copyFileSync } from 'node:fs';
import { connect } from 'node:net';
import { roles } from '../protocol/agent-calls.ts';
import { heedFactorOfOthers, readDeadlineFactor, setDeadlineFactor } from '../deadlines.ts';
import { serveEnd } from './daemon.ts';
import { toldFactor } from './node/install.ts';
import { ownLimits } from './node/own-limits.ts';
import { sourceEnd } from './source/end.ts';
import { targetEnd } from './target/end.ts';
import { cleanNode } from './target/node-cleanup.ts';
import { tellFact } from './target/node-fact.ts';

const take = (factor: string): void => {
  setDeadlineFactor(readDeadlineFactor(factor) ?? 1);
  heedFactorOfOthers(toldFactor);
};

/** Where the CLI's exec session finds the agent, inside the helper's own container. */
const controlSocket = '/agent/control.sock';

/**
 * `agent.mjs serve ROLE MIGRATION [FACTOR]` is the helper's main process; FACTOR is for its deadlines, here and below. `agent.mjs attach`
 * is what the CLI runs by exec: it joins its own standard input and output to the agent. `agent.mjs connect HOST PORT` joins them to a TCP connection, for a
 * CLI that cannot reach the peer's API server itself. `agent.mjs stage FOLDER` puts the no-op program there.
 * `agent.mjs node-cleanup MIGRATION NAMESPACE POD moved|given-up [FACTOR]` clears away what the target agent of a migration left when it
 * died; `agent.mjs node-fact MIGRATION [FACTOR]` tells how it stands.
 */
const [verb, first = '', second = '', third = '', fourth = '', fifth = ''] = process.argv.slice(2);
const role = roles.find((one) => one === first);
if (verb === 'serve' && role) {
  ownLimits();
  take(third);
  const { abandon } = await serveEnd({
    socketPath: controlSocket,
    role,
    migration: second,
    makeEnd: (emit, isAttended) => (role === 'source' ? sourceEnd(second, emit, isAttended) : targetEnd(second, emit)),
  });
  process.on('SIGTERM', () => void abandon('somebody ended a helper pod').finally(() => process.exit(0)));
} else if (verb === 'attach' || verb === 'connect') {
  const socket = verb === 'attach' ? connect(controlSocket) : connect(Number(second), first);
  socket.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  socket.on('close', () => process.exit());
  process.stdin.pipe(socket).pipe(process.stdout);
} else if (verb === 'node-cleanup') {
  take(fifth);
  await cleanNode(first, second, third, { hasMoved: fourth === 'moved' });
} else if (verb === 'node-fact') {
  take(second);
  await tellFact(
    first,
    targetEnd(first, () => undefined),
  );
} else if (verb === 'stage') {
  copyFileSync('/agent/noop', `${first}/noop`);
  chmodSync(`${first}/noop`, 0o755);
} else {
  process.stderr.write(
    'usage: agent stage FOLDER | serve source|target MIGRATION [FACTOR] | node-cleanup MIGRATION NAMESPACE POD moved|given-up [FACTOR] | node-fact MIGRATION [FACTOR] | attach | connect HOST PORT\n',
  );
  process.exitCode = 2;
}

import { styleText } from 'node:util';
import type { Exchange, OnExchange } from '../kube/transport.ts';
import type { CommandLine } from './command-line.ts';
import { escapeControls } from './escape.ts';

/** From these levels on it is told: what the migration logs, and requests. */
const logLevel = 2;
const requestLevel = 6;

/** The level that `-v` asks for. */
export function verbosityOf({ last, refuse }: CommandLine): number {
  const value = last('v') ?? '0';
  return /^[-+]?\d+$/.test(value) ? Number(value) : refuse(`invalid argument "${value}" for "-v, --v" flag: it must be a number`);
}

export function hasLog(verbosity: number): boolean {
  return verbosity >= logLevel;
}

/** A line in the manner of klog, which kubectl logs with. */
export function logLine(message: string, now = new Date()): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const date = `${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':')}.${String(now.getMilliseconds()).padStart(3, '0')}000`;
  return `I${date} ${time} ${String(process.pid).padStart(7)} kubectl-migrate] ${escapeControls(message)}`;
}

/**
 * Tells of requests as kubectl does: a server's warnings always, but each once; the requests themselves from level 6 on.
 *
 * @param say gets the lines
 * @param err decides about colours
 */
export function exchangeTeller(verbosity: number, say: (line: string) => void, err: NodeJS.WriteStream): OnExchange {
  const told = new Set<string>();
  return (exchange) => {
    if (verbosity >= requestLevel) say(logLine(exchangeText(exchange)));
    for (const warning of exchange.warnings) {
      if (told.has(warning)) continue;
      told.add(warning);
      say(`${styleText('yellow', 'Warning:', { stream: err })} ${escapeControls(warning)}`);
    }
  };
}

function exchangeText({ method, url, status, ms }: Exchange): string {
  return `"Response" verb=${JSON.stringify(method)} url=${JSON.stringify(url)} status=${JSON.stringify(status)} milliseconds=${ms}`;
}

import { hammer } from './hammer.ts';
import type { Load } from './crowd.ts';

/**
 * The clients as a program, which a network namespace can be given: the load is its argument, and its end that of the
 * standard input. Lines of JSON come back: how many good answers there were until now, and at the end the report.
 */
const load = JSON.parse(process.argv[2] ?? '') as Load;
const ended = new AbortController();
process.stdin.on('end', () => ended.abort()).resume();
// Who started this is gone, and nobody wants to hear the rest.
process.stdout.on('error', () => process.exit(1));

let told = 0;
let good = 0;
const tell = (): void => {
  if (good > told) process.stdout.write(`${JSON.stringify({ good })}\n`);
  told = good;
};
const telling = setInterval(tell, 50);
const report = await hammer(load, ended.signal, (count) => (good = count));
clearInterval(telling);
process.stdout.write(`${JSON.stringify({ report })}\n`);

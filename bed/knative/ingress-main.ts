import { readFile } from 'node:fs/promises';
import { connectionFromKubeconfig } from '../../src/kube/connection.ts';
import { standInForIngress } from './ingress.ts';

const [kubeconfig = ''] = process.argv.slice(2);
await standInForIngress(await connectionFromKubeconfig(await readFile(kubeconfig, 'utf8'), 'home'));

import { nodeNamed, nodes, type BedNode } from '../bed/layout.ts';

/** Where the pods of the table run, and where they come to. */
export const home: readonly BedNode[] = [nodeNamed('home-1')];
export const away: readonly BedNode[] = nodes.filter(({ cluster }) => cluster === 'away');

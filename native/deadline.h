// One factor for all deadlines of ours (src/deadlines.ts). An agent has written it for everything of ours on the node.
#ifndef DEADLINE_H
#define DEADLINE_H

// A deadline as it counts on this node, in whatever unit it came. Read once by each process, from the node's disk: who will have to
// answer in no time asks early.
int scaled(int deadline);
#endif

// The processes that descend from a process, whose parents may have gone meanwhile: see PR_SET_CHILD_SUBREAPER.
#ifndef TREE_H
#define TREE_H
#include <sys/types.h>

// SIGKILL to everything alive below `top` but `spared`. How many there were.
int kill_below(pid_t top, pid_t spared);
#endif

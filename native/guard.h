// What the parts of the source guard share. See guard.c for what it is.
#ifndef GUARD_H
#define GUARD_H
#include <sys/types.h>

// One container of the pod, as `frozen` in the claim's folder tells: NAME, ID, PID of its init, folder of its freezer.
struct frozen {
  char name[256], folder[4096];
};

// dumps.c. A process belongs to a migration's dumps when it works in the migration's staging folder or, as CRIU does while it is in a
// container's mount namespace, has a file in there open; proved by inodes: name and command line are what anybody may choose.

// SIGKILL to every runc that dumps; CRIU then finds nobody to answer to, cures its tasks and ends. Never to CRIU: killed, it can
// take the program with it. @returns how many of both there still were
int end_dumps(const char *staging);

// masks.c. A thread whose CRIU was killed all the same can be left with all signals blocked.

// Remembers the threads that have now all signals blocked and had not at the freeze, as the file `signals` in the claim's folder
// tells. @returns how many
int find_blocked(int claim);

// Gives them their own masks back, if they still have all blocked. To be called when they run. @returns how many could not be
int unblock(void);
#endif

// Containers of one migration that are restored and not let go yet: RUN_DIR/held/MIGRATION, which has
//   decision   `go` or `kill`: whether these containers ever run. Made once, by link(), by the agent, a keeper, a hook or a wrapper
//   deadline   of the agent's lease, in ms since boot; who finds it passed decides `kill`
//   pod        the folder of the pod's freezer cgroup
//   ID         the folder of a container's freezer cgroup; from CRIU's first hook on
//   ID.killed  the runtime was asked to stop the container
//   ID.keeper  locked as long as its keeper lives
//   ID.criu    its CRIU; ID.move, to where the keeper shall move which processes
// An ID is a container's, without a dot. RUN_DIR/held/by-id/ID leads to the folder while the keeper is at work.
#ifndef HELD_H
#define HELD_H
#include <stddef.h>

enum decision { UNDECIDED, GO, KILL };

enum decision decision_of(const char *held);
enum decision decide(const char *held, enum decision wanted); // what is decided now, by us or by who was quicker
int is_lease_over(const char *held, int is_agent_gone);

// The path of one of its files, in a buffer of PATH_SIZE.
#define PATH_SIZE 4400
#define FOLDER_SIZE 4096
char *held_path(char *path, const char *held, const char *id, const char *suffix);

// The freezer folder of one container, in a buffer of FOLDER_SIZE. 0, or -1 when it is not known (yet).
int held_folder(const char *held, const char *id, char *folder);

// Carries out `kill`: ends every process of every container without letting one run. 0 when none is left, else -1.
int end_held(const char *held, int limit_ms);

// Carries out `go`: everything of the pod is thawed. 0, or -1 when something stays frozen.
int let_go(const char *held);
#endif

// The stand-in for the container runtime on a target node. See shim.c for what it does.
#ifndef SHIM_H
#define SHIM_H
#include <stddef.h>

// The one folder of a migration on a node; a macro so that tests can use another.
#ifndef NODE_DIR
#define NODE_DIR "/var/lib/kubectl-migrate"
#endif

struct container {
  int is_container; // 0 for a sandbox
  char namespace_[254], pod[254], uid[254], name[254];
};

// json.c: 1 when the bundle's config.json could be read and is well-formed, with what its annotations tell; else 0.
int identify(const char *config, size_t length, struct container *out);

// admin.c: the agent's commands, and taking our mount away.
int admin(int argc, char **argv);
int unmount_if_idle(const char *target);
// 0 when the runtime that we were mounted over is there again, and `path` is its path.
int uncover(char *path, size_t size);

// runtime.c: our face as the runtime and as CRIU's action script.
int runtime(int argc, char **argv);
int hook(void);

// Whether some pod is awaited on this node: 0 nobody, 1 somebody, 2 only some whose deadline has passed.
int awaited_pods(void);
#endif

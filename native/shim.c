// kubectl-migrate's stand-in for the container runtime, one static binary with three faces:
//   as the runtime      bind-mounted over it while a pod is awaited on this node: `create` of an awaited container
//                       becomes a restore, everything else is handed on unchanged (runtime.c)
//   as `hook`           CRIU's action script: holds a restored container until the agent lets it go (runtime.c)
//   as `shim VERB ...`  the agent's hands on the node (admin.c)
#include "shim.h"
#include <string.h>

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/');
  const char *name = slash ? slash + 1 : argv[0];
  if (!strcmp(name, "shim"))
    return admin(argc, argv);
  if (!strcmp(name, "hook"))
    return hook();
  return runtime(argc, argv);
}

// The runtime wrapper, bind-mounted over the node's OCI runtime while a pod is awaited on this node, or must not be started again.
// Of what the runtime is asked, only `create` is looked at, and whatever comes about a container that is held until its
// migration is decided; everything else goes to the real runtime at once.
//
// Called `hook` it is CRIU's action script; called `wrapper` it covers the runtime with itself, or uncovers it.
#include "wrapper.h"
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

// A restored container runs already, or will as soon as its pod is complete. The agent leaves a marker for each.
static int is_started(const struct call *call) {
  char marker[600];
  fill(marker, sizeof marker, NODE_DIR "/restored/%s", call->id);
  return !unlink(marker);
}

// A runc that was killed in a restore leaves the container's root file system mounted in its own folder, and its `delete` removes
// everything in there.
static void unmount_root(const struct call *call) {
  char path[4200];
  fill(path, sizeof path, "%s/%s/criu-root", call->root ? call->root : "/run/runc", call->id);
  umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static int runtime(int argc, char **argv) {
  struct call call = {.argc = argc, .argv = argv};
  parse(&call);
  remember_own_path();
  const char *verb = call.verb ? argv[call.verb] : "";
  int result = -1;
  if (!strcmp(verb, "create"))
    result = create(&call);
  else if (plain(call.id)) {
    result = held_call(&call, verb);
    if (result < 0)
      result = frozen_call(&call, verb);
    if (result < 0 && !strcmp(verb, "start") && is_started(&call))
      result = 0;
    if (result < 0 && !strcmp(verb, "delete")) {
      unmount_root(&call);
      is_started(&call);
    }
  }
  return result >= 0 ? result : real(argv);
}

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
  if (!strcmp(name, "hook"))
    return hook();
  if (!strcmp(name, "wrapper") && argc == 3 && !strcmp(argv[1], "cover"))
    return cover(argv[2]);
  if (!strcmp(name, "wrapper") && argc == 3 && !strcmp(argv[1], "uncover"))
    return uncover(argv[2]);
  return runtime(argc, argv);
}

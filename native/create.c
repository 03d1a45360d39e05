// `create`: the only call that can start an awaited pod from nothing. Its agent decides (see src/agent/target/wrapper-server.ts
// for the lines).
#include "wrapper.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// The kubelet gives up earlier; an agent that is stopped must not keep the runtime's client for ever. Not scaled: the deadlines of
// kubelet and runtime are not either.
enum { patience_s = 300 };

// CRI-O hands on the annotations that a pod's user wrote, so what containerd would write is not believed there, and the other way round.
static enum client client_of(const struct call *call) {
  int is_containerd = (call->root && strstr(call->root, "/containerd/")) ||
                      (call->bundle && (strstr(call->bundle, "/containerd/") || strstr(call->bundle, "/io.containerd.")));
  return is_containerd ? CONTAINERD : CRIO;
}

static int read_bundle(const struct call *call, struct container *who) {
  struct stat found;
  char path[4200];
  fill(path, sizeof path, "%s/config.json", call->bundle ? call->bundle : ".");
  int config = open(path, O_RDONLY | O_CLOEXEC), is_read = 0;
  if (config < 0)
    return 0;
  char *text = fstat(config, &found) ? MAP_FAILED : mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, config, 0);
  close(config);
  if (text == MAP_FAILED)
    return 0;
  is_read = identify(text, (size_t)found.st_size, client_of(call), who);
  munmap(text, (size_t)found.st_size);
  return is_read;
}

static int is_speakable(const struct call *call, const struct container *who) {
  // A dot in an ID is what our own files beside it have.
  if (!plain(who->name) || !plain(who->uid) || !plain(call->id) || strchr(call->id, '.'))
    return 0;
  for (int i = 0; i < call->argc; i++)
    if (strpbrk(call->argv[i], "\t\n"))
      return 0;
  return 1;
}

static int ask(const struct call *call, const struct container *who, const char *socket) {
  if (!is_speakable(call, who))
    return refuse(call, "the awaited container has a name that cannot be handled");
  FILE *agent = dial(socket, patience_s);
  if (!agent)
    return refuse(call, "pod %s/%s is awaited here, but its agent is gone", who->namespace_, who->pod);
  fprintf(agent, "create\t%s\t%s\t%s\t%d", call->id, who->uid, who->name, call->verb);
  for (int i = 0; i < call->argc; i++)
    fprintf(agent, "\t%s", call->argv[i]);
  fputc('\n', agent);
  char *line = answer(agent);
  if (line && !strcmp(line, "pass"))
    return -1;
  if (line && !strncmp(line, "restore\t", 8)) {
    pid_t keeper = fork();
    if (keeper == 0)
      keep(agent, call, line + 8);
    line = keeper < 0 ? NULL : answer(agent);
  }
  if (line && !strcmp(line, "created"))
    return 0;
  if (line && !strncmp(line, "fail\t", 5))
    return refuse(call, "%s", line + 5);
  return refuse(call, "the agent of pod %s/%s gave no answer", who->namespace_, who->pod);
}

static int decide_create(const struct call *call) {
  struct container who = {0};
  struct stat found;
  char entry[600], path[700], message[1024];
  if (!read_bundle(call, &who)) {
    int lock = lock_node(), standing = forget_fallen();
    close(lock);
    return standing ? refuse(call, "%s/config.json cannot be read, and a pod is awaited here", call->bundle ? call->bundle : ".") : -1;
  }
  if (is_fenced(who.uid, message, sizeof message))
    return refuse(call, "%s", message);
  fill(entry, sizeof entry, "%s_%s", who.namespace_, who.pod);
  fill(path, sizeof path, NODE_DIR "/await/%s", entry);
  if (!plain(who.namespace_) || !plain(who.pod) || lstat(path, &found) || !is_standing(entry))
    return -1;
  note_uid(entry, who.uid);
  return who.is_container ? ask(call, &who, path) : -1;
}

int create(const struct call *call) {
  int result = is_anybody_awaited() ? decide_create(call) : -1;
  // Who covered the runtime may be dead.
  uncover_self();
  return result;
}

// The runtime wrapper, bind-mounted over the node's OCI runtime while a pod is awaited on this node. Of what
// the runtime is asked, only `create` and `start` are looked at; whatever else comes goes to the real one at once.
//
// `create` of an awaited container: the agent decides (see src/agent/target/wrapper-server.ts for the lines). A restore
// runs in a keeper process that outlives the call, because `create` must be answered while CRIU still waits at its
// first barrier for the other containers of the pod.
//
// Called `hook` it is CRIU's action script, which holds a restored container until the agent lets it go; called `wrapper` it
// covers the runtime with itself, or uncovers it.
#include "wrapper.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The one folder of a migration on a node; a macro so that tests can use another.
#ifndef NODE_DIR
#define NODE_DIR "/var/lib/kubectl-migrate"
#endif

struct call {
  int argc, verb;
  char **argv;
  const char *id, *bundle, *log;
};

// Whether some pod is awaited: 0 nobody, 1 somebody, 2 only some whose deadline has passed. Each is the socket of its agent,
// named NAMESPACE_POD, with its deadline as the time of its modification.
static int awaited(void) {
  int found = 0;
  struct stat pod;
  DIR *folder = opendir(NODE_DIR "/await");
  for (struct dirent *one; folder && (one = readdir(folder));)
    if (one->d_name[0] != '.' && !fstatat(dirfd(folder), one->d_name, &pod, AT_SYMLINK_NOFOLLOW))
      found = found == 1 || pod.st_mtime >= time(NULL) ? 1 : 2;
  if (folder)
    closedir(folder);
  return found;
}

static int same_file(const char *one, const char *other) {
  struct stat a, b;
  return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Whether somebody waits is asked under the lock, and an agent says whom it awaits before it covers: so an agent that
// found the runtime covered cannot lose that to one that is just leaving.
static int set_cover(const char *target, int is_wanted) {
  int lock = open(NODE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600), result = 0;
  if (lock < 0 || flock(lock, LOCK_EX))
    result = -1;
  else if (is_wanted && !same_file(NODE_DIR "/wrapper", target))
    result = mount(NODE_DIR "/wrapper", target, NULL, MS_BIND, NULL);
  else if (!is_wanted && awaited() != 1)
    for (int i = 0; i < 16 && !result && same_file(NODE_DIR "/wrapper", target); i++)
      result = umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
  if (result)
    fprintf(stderr, "wrapper: %s: %s\n", target, strerror(errno));
  close(lock);
  return result ? 1 : 0;
}

// The runtime itself. When somebody has removed our folder from under us, and the copy of the runtime with it, the node
// gets its runtime back: only the mount still keeps us then.
static int real(char **argv) {
  const char *slash = strrchr(argv[0], '/');
  char path[4096];
  snprintf(path, sizeof path, NODE_DIR "/real/%s", slash ? slash + 1 : argv[0]);
  execv(path, argv);
  ssize_t length = errno == ENOENT ? readlink("/proc/self/exe", path, sizeof path - 1) : 0;
  if (length > 0) {
    path[length] = 0;
    char *mark = strstr(path, " (deleted)");
    if (mark)
      *mark = 0;
    for (int i = 0; i < 16 && !umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); i++)
      ;
    if (!same_file(path, "/proc/self/exe"))
      execv(path, argv);
  }
  fprintf(stderr, "kubectl migrate: %s: %s\n", path, strerror(errno));
  return 127;
}

// containerd shows the kubelet the last error line of the runtime's log file; standard error is for CRI-O and people.
static int refuse(const struct call *call, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  for (char *at = message; *at; at++)
    if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20)
      *at = *at == '"' ? '\'' : ' ';
  fprintf(stderr, "kubectl migrate: %s\n", message);
  FILE *log = call->log ? fopen(call->log, "ae") : NULL;
  if (log) {
    fprintf(log, "{\"level\":\"error\",\"msg\":\"kubectl migrate: %s\"}\n", message);
    fclose(log);
  }
  return 1;
}

// Options of runc and crun that take a value, before and behind the verb.
static const char valued[] = " root log log-format criu rootless cgroup-manager bundle b pid-file console-socket pidfd-socket preserve-fds config f ";

static void parse(struct call *call) {
  for (int i = 1; i < call->argc; i++) {
    char *word = call->argv[i], name[64];
    if (word[0] != '-' || !word[1]) {
      if (!call->verb)
        call->verb = i;
      else if (!call->id)
        call->id = word;
      continue;
    }
    word += word[1] == '-' ? 2 : 1;
    size_t length = strcspn(word, "=");
    snprintf(name, sizeof name, " %.*s ", (int)length, word);
    const char *text = word[length] ? word + length + 1 : NULL;
    if (!text && strstr(valued, name) && i + 1 < call->argc)
      text = call->argv[++i];
    if (!call->verb && !strcmp(name, " log "))
      call->log = text;
    if (call->verb && (!strcmp(name, " bundle ") || !strcmp(name, " b ")))
      call->bundle = text;
  }
}

// Fit to be one segment of a path, and free of the separators of our lines.
static int plain(const char *text) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return text && *text && *text != '.' && *text != '-' && strspn(text, allowed) == strlen(text) && strlen(text) < 254;
}

// Through a descriptor, as a socket's path can be longer than its address has room for.
static FILE *dial(const char *path, time_t deadline) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = deadline - time(NULL)};
  int place = open(path, O_PATH | O_CLOEXEC), connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
  if (patience.tv_sec <= 0 || setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
      connect(connection, (struct sockaddr *)&address, sizeof address))
    return NULL;
  return fdopen(connection, "r+");
}

// The agent's next line, without its newline; NULL when there is none in time.
static char *answer(FILE *agent) {
  char *line = NULL;
  size_t size = 0;
  fflush(agent);
  ssize_t length = getline(&line, &size, agent);
  if (length <= 0 || line[length - 1] != '\n')
    return NULL;
  line[length - 1] = 0;
  return line;
}

// Lives as long as the restore. `plan` is how many variables, these, and the words of the call, separated by tabs. Our
// standard streams are the container's.
static void keep(FILE *agent, const char *id, char *plan) {
  char *words[512] = {0};
  int status = 127 << 8;
  setsid();
  pid_t child = fork();
  if (child == 0) {
    for (long left = strtol(strsep(&plan, "\t"), NULL, 10); left > 0 && plan; left--)
      putenv(strsep(&plan, "\t"));
    for (int i = 0; plan && i < 511; i++)
      words[i] = strsep(&plan, "\t");
    _exit(words[0] ? real(words) : 127);
  }
  for (int i = 0; i < 3; i++)
    close(i);
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  dprintf(fileno(agent), "exited\t%s\t%d\n", id, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  _exit(0);
}

// The exit code of the call, or -1 when it is the runtime's after all.
static int create(const struct call *call) {
  struct container who = {0};
  struct stat found;
  char path[4200];
  snprintf(path, sizeof path, "%s/config.json", call->bundle ? call->bundle : ".");
  int config = open(path, O_RDONLY | O_CLOEXEC);
  char *text = config < 0 || fstat(config, &found) ? MAP_FAILED : mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, config, 0);
  if (text == MAP_FAILED || !identify(text, (size_t)found.st_size, &who))
    return refuse(call, "%s cannot be read, and a pod is awaited here", path);
  if (!who.is_container || !plain(who.namespace_) || !plain(who.pod))
    return -1;
  snprintf(path, sizeof path, NODE_DIR "/await/%s_%s", who.namespace_, who.pod);
  if (lstat(path, &found))
    return -1;
  int is_plain = plain(who.name) && plain(who.uid) && plain(call->id);
  for (int i = 0; i < call->argc; i++)
    is_plain = is_plain && !strpbrk(call->argv[i], "\t\n");
  if (!is_plain)
    return refuse(call, "the awaited container has a name that cannot be handled");
  FILE *agent = dial(path, found.st_mtime);
  if (!agent)
    return refuse(call, "pod %s/%s is awaited here, but its agent is gone", who.namespace_, who.pod);
  fprintf(agent, "create\t%s\t%s\t%s\t%d", call->id, who.uid, who.name, call->verb);
  for (int i = 0; i < call->argc; i++)
    fprintf(agent, "\t%s", call->argv[i]);
  fputc('\n', agent);
  char *line = answer(agent);
  if (line && !strcmp(line, "pass"))
    return -1;
  if (line && !strncmp(line, "restore\t", 8)) {
    pid_t keeper = fork();
    if (keeper == 0)
      keep(agent, call->id, line + 8);
    line = keeper < 0 ? NULL : answer(agent);
  }
  if (line && !strcmp(line, "created"))
    return 0;
  if (line && !strncmp(line, "fail\t", 5))
    return refuse(call, "%s", line + 5);
  return refuse(call, "the agent of pod %s/%s gave no answer", who.namespace_, who.pod);
}

static int runtime(int argc, char **argv) {
  struct call call = {.argc = argc, .argv = argv};
  parse(&call);
  const char *verb = call.verb ? argv[call.verb] : "";
  if (!strcmp(verb, "start") && plain(call.id)) {
    char marker[600];
    snprintf(marker, sizeof marker, NODE_DIR "/restored/%s", call.id);
    if (!unlink(marker))
      return 0; // it runs already, or will as soon as its pod is complete
  }
  if (!strcmp(verb, "create")) {
    int pods = awaited(), result = pods ? create(&call) : -1;
    char self[4096] = ""; // the path that we are mounted over
    if (pods != 1 && readlink("/proc/self/exe", self, sizeof self - 1) > 0)
      set_cover(self, 0);
    if (result >= 0)
      return result;
  }
  return real(argv);
}

static int hook(void) {
  const char *action = getenv("CRTOOLS_SCRIPT_ACTION"), *pid = getenv("CRTOOLS_INIT_PID"), *until = getenv("KUBECTL_MIGRATE_DEADLINE");
  const char *path = getenv("KUBECTL_MIGRATE_SOCKET"), *name = getenv("KUBECTL_MIGRATE_CONTAINER");
  if (!action || (strcmp(action, "setup-namespaces") && strcmp(action, "post-setup-namespaces") && strcmp(action, "post-restore") && strcmp(action, "pre-resume")))
    return 0;
  FILE *agent = path && name && until ? dial(path, (time_t)strtoll(until, NULL, 10)) : NULL;
  if (!agent)
    return 1;
  fprintf(agent, "hook\t%s\t%s\t%s\n", action, pid ? pid : "", name);
  const char *line = answer(agent);
  return line && !strcmp(line, "ok") ? 0 : 1;
}

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
  if (!strcmp(name, "hook"))
    return hook();
  if (!strcmp(name, "wrapper") && argc == 3)
    return set_cover(argv[2], !strcmp(argv[1], "cover"));
  return runtime(argc, argv);
}

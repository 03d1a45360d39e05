// Our face as the runtime. Only `create` and `start` are looked at; whatever else comes goes to the real runtime at once.
//
// `create` of an awaited container: the agent decides (see src/agent/target/shim-server.ts for the lines). A restore
// runs in a keeper process that outlives the call, because `create` must be answered while CRIU still waits at its
// first barrier for the other containers of the pod.

#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct call {
  int argc, verb;
  char **argv;
  const char *id, *bundle, *pid_file, *console, *log;
};

static int real(char **argv) {
  const char *slash = strrchr(argv[0], '/');
  char path[512];
  snprintf(path, sizeof path, NODE_DIR "/real/%s", slash ? slash + 1 : argv[0]);
  execv(path, argv);
  if (errno == ENOENT && !uncover(path, sizeof path))
    execv(path, argv);
  fprintf(stderr, "kubectl migrate: %s: %s\n", path, strerror(errno));
  return 127;
}

// containerd shows the kubelet the last error line of the runtime's log file; standard error is for CRI-O and people.
static int refuse(const struct call *call, const char *format, ...) {
  char message[1024], safe[2100];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  fprintf(stderr, "%s\n", message);
  size_t length = 0;
  for (const char *at = message; *at; at++) {
    if (*at == '"' || *at == '\\')
      safe[length++] = '\\';
    safe[length++] = (unsigned char)*at < 0x20 ? ' ' : *at;
  }
  safe[length] = 0;
  int file = call->log ? open(call->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
  if (file >= 0) {
    char now[32];
    time_t seconds = time(NULL);
    struct tm broken;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &broken));
    dprintf(file, "{\"level\":\"error\",\"msg\":\"%s\",\"time\":\"%s\"}\n", safe, now);
    close(file);
  }
  return 1;
}

// Options of runc and crun that take a value, before and behind the verb.
static const char *const valued[] = {"root", "log", "log-format", "criu", "rootless", "cgroup-manager", "bundle", "b", "pid-file",
                                     "console-socket", "pidfd-socket", "preserve-fds", "config", "f", NULL};

static int takes_value(const char *name) {
  for (int i = 0; valued[i]; i++)
    if (!strcmp(valued[i], name))
      return 1;
  return 0;
}

static void parse(struct call *call) {
  for (int i = 1; i < call->argc; i++) {
    char *argument = call->argv[i], name[64] = "";
    const char *text = NULL;
    if (argument[0] != '-' || !argument[1]) {
      if (!call->verb)
        call->verb = i;
      else if (!call->id)
        call->id = argument;
      continue;
    }
    argument += argument[1] == '-' ? 2 : 1;
    size_t length = strcspn(argument, "=");
    if (length < sizeof name)
      memcpy(name, argument, length);
    if (argument[length] == '=')
      text = argument + length + 1;
    else if (takes_value(name) && i + 1 < call->argc)
      text = call->argv[++i];
    if (!call->verb && !strcmp(name, "log"))
      call->log = text;
    if (call->verb && (!strcmp(name, "bundle") || !strcmp(name, "b")))
      call->bundle = text;
    if (call->verb && !strcmp(name, "pid-file"))
      call->pid_file = text;
    if (call->verb && !strcmp(name, "console-socket"))
      call->console = text;
  }
}

// Fit to be one segment of a path, and free of the separators of our lines.
static int plain(const char *text) {
  if (!*text || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(text))
    return 0;
  return text[0] != '.' && text[0] != '-' && strlen(text) < 254;
}

static char *read_file(const char *path, size_t *length) {
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  char *text = NULL;
  *length = 0;
  if (file < 0)
    return NULL;
  if (!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size < (16 << 20))
    text = malloc((size_t)status.st_size + 1);
  for (ssize_t count; text && (count = read(file, text + *length, (size_t)status.st_size - *length)) > 0;)
    *length += (size_t)count;
  close(file);
  return text;
}

static int write_file(const char *path, const char *text) {
  char draft[4200];
  snprintf(draft, sizeof draft, "%s.kubectl-migrate", path);
  int file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0)
    return -1;
  ssize_t count = write(file, text, strlen(text));
  close(file);
  return count == (ssize_t)strlen(text) ? rename(draft, path) : -1;
}

static int dial(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path)
    return -1;
  strcpy(address.sun_path, path);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof address)) {
    close(connection);
    return -1;
  }
  return connection;
}

// A line of the agent's, without its newline. Returns 0 at the end of the conversation or of its time.
static int read_line(int connection, char *line, size_t size, time_t deadline) {
  size_t length = 0;
  while (length + 1 < size) {
    struct pollfd ready = {connection, POLLIN, 0};
    time_t now = time(NULL);
    if (now > deadline)
      return 0;
    if (poll(&ready, 1, 1000) <= 0)
      continue;
    // Byte by byte: what follows the line belongs to whoever reads next.
    if (read(connection, line + length, 1) != 1)
      return 0;
    if (line[length] == '\n') {
      line[length] = 0;
      return 1;
    }
    length++;
  }
  return 0;
}

static time_t deadline_of(const char *folder) {
  char path[1024];
  size_t length;
  snprintf(path, sizeof path, "%s/deadline", folder);
  char *text = read_file(path, &length);
  if (!text)
    return 0;
  text[length] = 0;
  time_t deadline = (time_t)strtoll(text, NULL, 10);
  free(text);
  return deadline;
}

// Starts `REAL <global flags> restore <agent's options> <what the create call said> ID` with our standard streams:
// they are the container's. `plan` is the agent's line behind its first word, fields separated by tabs.
static pid_t start_restore(const struct call *call, char *plan) {
  char **argv = calloc((size_t)call->argc + 64, sizeof *argv);
  int count = 0;
  char *rest = plan;
  long variables = strtol(strsep(&rest, "\t"), NULL, 10);
  if (!argv)
    return -1;
  for (long i = 0; i < variables && rest; i++)
    putenv(strsep(&rest, "\t"));
  for (int i = 0; i < call->verb; i++)
    argv[count++] = call->argv[i];
  argv[count++] = "restore";
  for (int i = 0; rest && i < 40; i++)
    argv[count++] = strsep(&rest, "\t");
  if (call->bundle) {
    argv[count++] = "--bundle";
    argv[count++] = (char *)call->bundle;
  }
  if (call->console) {
    argv[count++] = "--console-socket";
    argv[count++] = (char *)call->console;
  }
  argv[count++] = (char *)call->id;
  pid_t child = fork();
  if (child == 0)
    _exit(real(argv));
  free(argv);
  return child;
}

// Answers the create call: pid file, marker for `start`, and the word to the waiting parent.
static void answer(const struct call *call, const char *pid, int parent) {
  char marker[600];
  snprintf(marker, sizeof marker, NODE_DIR "/restored/%s", call->id);
  mkdir(NODE_DIR "/restored", 0700);
  int file = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  int is_done = file >= 0 && (!call->pid_file || !write_file(call->pid_file, pid));
  if (file >= 0)
    close(file);
  (void)!write(parent, is_done ? "0" : "1", 1);
}

// Lives as long as runc: hands the agent's answer on to the create call, and runc's exit code on to the agent.
static void keep(const struct call *call, int connection, int parent, char *plan, time_t deadline) {
  char line[4096];
  pid_t child = start_restore(call, plan);
  close(0);
  close(1);
  close(2);
  int status = 127 << 8, is_answered = 0;
  while (child > 0 && waitpid(child, &status, is_answered ? 0 : WNOHANG) == 0) {
    struct pollfd ready = {connection, POLLIN, 0};
    if (poll(&ready, 1, 2) <= 0)
      continue;
    if (!read_line(connection, line, sizeof line, deadline) || strncmp(line, "created\t", 8)) {
      is_answered = 1; // refused, or the agent is gone: the parent fails when its pipe closes
    } else {
      answer(call, line + 8, parent);
      is_answered = 1;
    }
    close(parent);
  }
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  dprintf(connection, "exited\t%s\t%d\n", call->id, code);
}

static int restore(const struct call *call, int connection, char *plan, time_t deadline) {
  int answered[2];
  char result = '1';
  if (pipe2(answered, O_CLOEXEC))
    return refuse(call, "kubectl migrate: pipe: %s", strerror(errno));
  pid_t keeper = fork();
  if (keeper == 0) {
    close(answered[0]);
    setsid();
    keep(call, connection, answered[1], plan, deadline);
    _exit(0);
  }
  close(answered[1]);
  if (keeper < 0 || read(answered[0], &result, 1) != 1 || result != '0')
    return refuse(call, "kubectl migrate: the container could not be restored");
  return 0;
}

static int create(const struct call *call) {
  struct container container = {0};
  char config[4200], folder[600], path[700], *line;
  size_t length;
  snprintf(config, sizeof config, "%s/config.json", call->bundle ? call->bundle : ".");
  char *text = read_file(config, &length);
  if (!text || !identify(text, length, &container))
    return refuse(call, "kubectl migrate: %s cannot be read, and a pod is awaited here", config);
  free(text);
  if (!container.is_container || !plain(container.namespace_) || !plain(container.pod))
    return -1;
  snprintf(folder, sizeof folder, NODE_DIR "/await/%s/%s", container.namespace_, container.pod);
  if (access(folder, F_OK))
    return -1;
  if (!plain(container.name) || !plain(container.uid) || !call->id || !plain(call->id) || strpbrk(config, "\t\n"))
    return refuse(call, "kubectl migrate: the awaited container has a name that cannot be handled");

  time_t deadline = deadline_of(folder);
  snprintf(path, sizeof path, "%s/agent.sock", folder);
  int connection = dial(path);
  if (connection < 0)
    return refuse(call, "kubectl migrate: pod %s/%s is awaited here, but its agent is gone", container.namespace_, container.pod);
  dprintf(connection, "create\t%s\t%s\t%s\t%s\t%s\t%.*s\n", call->id, container.namespace_, container.pod, container.uid,
          container.name, (int)(strlen(config) - strlen("/config.json")), config);
  if (!(line = malloc(1 << 16)) || !read_line(connection, line, 1 << 16, deadline))
    return refuse(call, "kubectl migrate: the agent of pod %s/%s gave no answer", container.namespace_, container.pod);
  if (!strcmp(line, "pass"))
    return -1;
  if (!strncmp(line, "restore\t", 8))
    return restore(call, connection, line + 8, deadline);
  return refuse(call, "%s", strncmp(line, "fail\t", 5) ? "kubectl migrate: the agent gave an odd answer" : line + 5);
}

int runtime(int argc, char **argv) {
  struct call call = {.argc = argc, .argv = argv};
  parse(&call);
  const char *verb = call.verb ? argv[call.verb] : "";
  if (!strcmp(verb, "start") && call.id && plain(call.id)) {
    char marker[600];
    snprintf(marker, sizeof marker, NODE_DIR "/restored/%s", call.id);
    if (!unlink(marker))
      return 0; // it runs already, or will as soon as its pod is complete
  }
  if (!strcmp(verb, "create")) {
    int awaited = awaited_pods();
    int result = awaited ? create(&call) : -1;
    char self[4096] = ""; // the path that we are mounted over
    if (awaited != 1 && readlink("/proc/self/exe", self, sizeof self - 1) > 0)
      unmount_if_idle(self);
    if (result >= 0)
      return result;
  }
  return real(argv);
}

int hook(void) {
  const char *action = getenv("CRTOOLS_SCRIPT_ACTION"), *pid = getenv("CRTOOLS_INIT_PID");
  const char *path = getenv("KUBECTL_MIGRATE_SOCKET"), *name = getenv("KUBECTL_MIGRATE_CONTAINER"), *until = getenv("KUBECTL_MIGRATE_DEADLINE");
  char line[256];
  static const char *const wanted[] = {"setup-namespaces", "post-setup-namespaces", "post-restore", "pre-resume"};
  int is_wanted = 0;
  for (size_t i = 0; action && i < sizeof wanted / sizeof *wanted; i++)
    is_wanted |= !strcmp(action, wanted[i]);
  if (!is_wanted)
    return 0;
  int connection = path && name ? dial(path) : -1;
  if (connection < 0)
    return 1;
  dprintf(connection, "hook\t%s\t%s\t%s\n", action, pid ? pid : "", name);
  return read_line(connection, line, sizeof line, until ? (time_t)strtoll(until, NULL, 10) : 0) && !strcmp(line, "ok") ? 0 : 1;
}

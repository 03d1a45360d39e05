// The keeper of one container: the child of its `create` that runs the restore, and stays until it is decided whether the
// container ever runs. It carries that out, with the agent or without it: all look at the same file. It never waits for
// the runtime before it has ended what was restored, as a runc whose CRIU has died may wait for just that.
#include "keeper.h"
#include "deadline.h"
#include "freezer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { look_ms = 250, hang_patience_ms = 10000 };

int is_over(pid_t child, int *code) {
  int status;
  pid_t ended = waitpid(child, &status, WNOHANG);
  if (ended > 0)
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  else if (ended < 0)
    *code = 127;
  return ended != 0;
}

// A hook inside of a pod's PID namespace cannot name CRIU to the kernel.
static void move_for_hook(const struct keeper *k) {
  char path[PATH_SIZE], text[FOLDER_SIZE + 256], procs[FOLDER_SIZE + 16];
  if (read_text(held_path(path, k->held, k->id, ".move"), text, sizeof text))
    return;
  char *pids = strchr(text, '\n');
  if (pids)
    *pids++ = 0;
  fill(procs, sizeof procs, "%s/cgroup.procs", text);
  for (char *one; pids && (one = strsep(&pids, " "));) {
    int file = *one ? open(procs, O_WRONLY | O_CLOEXEC) : -1;
    // Whether it has moved is looked at by the hook.
    if (file >= 0) {
      (void)!write(file, one, strlen(one));
      close(file);
    }
  }
  unlink(path);
}

// Until something may have changed: a file of the migration, the end of a child, the agent.
static void rest(struct keeper *k) {
  char events[4096];
  sigset_t none;
  sigemptyset(&none);
  struct timespec patience = {.tv_nsec = look_ms * 1000000L};
  struct pollfd files[] = {{k->changes, POLLIN, 0}, {k->is_agent_gone ? -1 : k->agent, POLLRDHUP, 0}};
  if (ppoll(files, 2, &patience, &none) > 0) {
    k->is_agent_gone |= (files[1].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
    while (read(k->changes, events, sizeof events) > 0)
      ;
  }
  move_for_hook(k);
}

static enum decision look(const struct keeper *k) {
  enum decision decided = decision_of(k->held);
  return decided == UNDECIDED && is_lease_over(k->held, k->is_agent_gone) ? decide(k->held, KILL) : decided;
}

// CRIU's number comes from the hook: the runtime's first child of that name only tells its version.
static int is_criu_dead(const struct keeper *k) {
  char path[PATH_SIZE], pid[32], process[64];
  if (read_text(held_path(path, k->held, k->id, ".criu"), pid, sizeof pid))
    return 0;
  fill(process, sizeof process, "/proc/%s", pid);
  return access(process, F_OK) != 0;
}

// The runtime's exit code, or -1 when the restore is to be ended.
static int await_restore(struct keeper *k) {
  int code;
  for (long long hangs_at = 0;; rest(k)) {
    if (is_over(k->runtime, &code)) {
      k->runtime = 0;
      return code;
    }
    if (look(k) == KILL || (hangs_at && boot_ms() > hangs_at))
      return -1;
    if (!hangs_at && is_criu_dead(k))
      hangs_at = boot_ms() + scaled(hang_patience_ms);
  }
}

static int is_held(const struct keeper *k) {
  char folder[FOLDER_SIZE];
  return !held_folder(k->held, k->id, folder) && freezer_is_frozen(folder) == 1 && freezer_count(folder) > 0;
}

// Until it is decided. A container that is not held any more is not let go.
static enum decision hold(struct keeper *k) {
  enum decision decided;
  for (; (decided = look(k)) == UNDECIDED; rest(k))
    if (!is_held(k))
      return decide(k->held, KILL);
  return decided;
}

// On version 2 CRIU, by mounting the cgroup tree without options, would strip the node's own mount of its options: not so from a
// cgroup namespace of its own, which shows the node's paths only when it begins at the root. 1 when we are there.
static int leave_cgroup(void) {
  int file = access("/sys/fs/cgroup/cgroup.controllers", F_OK) ? -1 : open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);
  int is_at_root = file >= 0 && write(file, "0", 1) == 1;
  if (file >= 0)
    close(file);
  return is_at_root;
}

// Out of memory, the kernel had better take somebody else.
static void be_spared(void) {
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    (void)!write(score, "-999", 4);
    close(score);
  }
}

static void on_child(int number) {
  (void)number;
}

static void start(struct keeper *k, char *plan) {
  char folder[FOLDER_SIZE];
  struct sigaction action = {.sa_handler = on_child};
  sigset_t child_ended;
  int is_at_root = leave_cgroup();
  be_spared();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (!freezer_of(getpid(), folder, sizeof folder))
    setenv("KUBECTL_MIGRATE_KEEPER", folder, 1);
  sigaction(SIGCHLD, &action, NULL);
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, NULL);
  for (; plan && k->restore.argc < words_max; k->restore.argc++)
    k->words[k->restore.argc] = strsep(&plan, "\t");
  k->restore.argv = k->words;
  parse(&k->restore);
  k->runtime = k->words[0] ? fork() : -1;
  if (k->runtime)
    return;
  sigprocmask(SIG_UNBLOCK, &child_ended, NULL);
  _exit(is_at_root && unshare(CLONE_NEWCGROUP) ? 126 : real(k->words));
}

// Where the runtime's calls find the container by its ID. The lock on the keeper's file goes with us, however we end.
static int show(struct keeper *k) {
  char path[PATH_SIZE], target[PATH_SIZE];
  const char *slash = strrchr(k->held, '/');
  int file = open(held_path(path, k->held, k->id, ".keeper"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (!slash || file < 0 || flock(file, LOCK_EX | LOCK_NB))
    return -1;
  k->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (k->changes < 0 || inotify_add_watch(k->changes, k->held, IN_MOVED_TO | IN_CREATE) < 0)
    return -1;
  mkdir(RUN_DIR "/held/by-id", 0700);
  fill(path, sizeof path, RUN_DIR "/held/by-id/%s", k->id);
  fill(target, sizeof target, "..%s", slash);
  return symlink(target, path) && errno != EEXIST ? -1 : 0;
}

static void hide(const struct keeper *k) {
  static const char *const own[] = {".criu", ".move", ".keeper"};
  char path[PATH_SIZE];
  fill(path, sizeof path, RUN_DIR "/held/by-id/%s", k->id);
  unlink(path);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    unlink(held_path(path, k->held, k->id, own[i]));
}

static void tell_exited(const struct keeper *k, int code) {
  char line[512];
  fill(line, sizeof line, "exited\t%s\t%d\n", k->id, code);
  send(k->agent, line, strlen(line), MSG_NOSIGNAL);
}

static void tell_done(const struct keeper *k, enum decision decided, const char *note) {
  char line[1024];
  fill(line, sizeof line, "done\t%s\t%s\t%s\n", k->id, decided == GO ? "go" : "kill", note);
  send(k->agent, line, strlen(line), MSG_NOSIGNAL);
}

static void use_no_streams(void) {
  int nothing = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++)
    dup2(nothing, i);
}

void keep(FILE *agent, const struct call *call, char *plan) {
  struct keeper k = {.agent = fileno(agent), .changes = -1, .id = call->id};
  setsid();
  for (long left = strtol(strsep(&plan, "\t"), NULL, 10); left > 0 && plan; left--)
    putenv(strsep(&plan, "\t"));
  k.held = getenv("KUBECTL_MIGRATE_HELD");
  if (!k.held || show(&k)) {
    tell_exited(&k, 127);
    _exit(1);
  }
  start(&k, plan);
  use_no_streams(); // ours are the container's
  int code = k.runtime > 0 ? await_restore(&k) : 127;
  enum decision decided = KILL;
  const char *note = "";
  if (code || !is_held(&k)) {
    note = finish_kill(&k);
    tell_exited(&k, code > 0 ? code : 1);
  } else {
    tell_exited(&k, 0);
    decided = hold(&k);
    note = decided == GO ? finish_go(&k) : finish_kill(&k);
  }
  hide(&k);
  tell_done(&k, decided, note);
  _exit(0);
}

// The source guard: ends the freeze of a pod when nobody else does. It lives outside of the helper's cgroup and fate, and alone
// thaws; what it needs to know was written into the claim's folder before anything was frozen.
//
//   guard watch CLAIM STAGING BUDGET_MS   lines on standard input: `frozen` begins the budget, `again` thaws for another try,
//                                         `abort` and `committed` end it. End of file says that the agent is gone.
//   guard thaw CLAIM STAGING              ends the freeze at once
//   guard kill CLAIM                      after the commit: ends all processes, none of which runs an instruction any more
//
// Exit codes: 0 done; 3 committed, so all stays frozen; 1 something still stands (it says what); 2 wrong call.
#include "guard.h"
#include "deadline.h"
#include "freezer.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// A CRIU that has lost its runc ends within milliseconds, or has memory to write; one that waits for a stopped process does so
// until that is thawed. Not scaled: for that long the pod stands beyond its budget, and a kubelet's patience is not scaled either.
static const int dump_patience_ms = 2000;
static const int thaw_wait_ms = 2000;
static const int kill_wait_ms = 10000;

#ifndef NODE_DIR
#define NODE_DIR "/var/lib/kubectl-migrate"
#endif

static const char *staging, *migration;
static int claim;     // the folder PODS/UID/NUMBER: that very one, if another has its name by now
static char pod[256]; // its UID
static char draft[64];

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static void name_pod(const char *path) {
  const char *slash = strrchr(path, '/'), *before = slash;
  while (before > path && before[-1] != '/')
    before--;
  if (slash)
    snprintf(pod, sizeof pod, "%.*s", (int)(slash - before), before);
}

static void say(const char *what) {
  dprintf(STDOUT_FILENO, "%s\n", what);
}

// The decision in full under another name, so that taking it needs no room on the file system any more.
static int write_draft(void) {
  char at[32];
  time_t seconds = time(NULL);
  struct tm now;
  strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &now));
  snprintf(draft, sizeof draft, ".decision.%d", (int)getpid());
  int file = openat(claim, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int result = file < 0 ? -1
                        : dprintf(file, "{\"decision\":\"aborted\",\"migration\":\"%s\",\"pod\":\"%s\",\"at\":\"%s\"}\n", migration, pod, at);
  if (file >= 0 && close(file))
    result = -1;
  return result < 0 ? -1 : 0;
}

// Whoever comes second finds it decided. What cannot be read counts as committed: that side is the safe one.
static int is_committed(void) {
  char text[1024];
  int file = openat(claim, "decision", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno != ENOENT;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  text[size > 0 ? size : 0] = 0;
  return !strstr(text, "\"aborted\"");
}

// 0 when the pod may run, 1 when it was committed, -1 when that could not be settled.
static int take_abort(void) {
  if (syscall(SYS_renameat2, claim, draft, claim, "decision", 1 /* RENAME_NOREPLACE */)) {
    if (errno != EEXIST)
      return -1;
    unlinkat(claim, draft, 0);
  }
  return is_committed();
}

// Calls `work` for each container that was to be frozen. @returns the sum of its answers
static int each_frozen(int (*work)(const struct frozen *)) {
  static struct frozen one;
  char line[4700];
  int file = openat(claim, "frozen", O_RDONLY | O_CLOEXEC), sum = 0;
  FILE *list = file < 0 ? NULL : fdopen(file, "r");
  while (list && fgets(line, sizeof line, list))
    if (sscanf(line, "%255[^\t]\t%*[^\t]\t%*[^\t]\t%4095[^\n]", one.name, one.folder) == 2)
      sum += work(&one);
  if (list)
    fclose(list);
  return sum;
}

static int thaw_one(const struct frozen *one) {
  freezer_thaw(one->folder);
  return 0;
}

static int tell(const struct frozen *one, const char *what) {
  dprintf(STDOUT_FILENO, "failed container %s %s\n", one->name, what);
  return 1;
}

// One that is gone is no reason to leave its siblings.
static int require_thawed(const struct frozen *one) {
  for (long long deadline = boot_ms() + scaled(thaw_wait_ms);; usleep(500)) {
    int is_failed = freezer_thaw(one->folder), is_frozen = is_failed ? -1 : freezer_is_frozen(one->folder);
    if (is_frozen == 0)
      return 0;
    if (is_frozen < 0 && freezer_is_gone(errno))
      return 0;
    if (boot_ms() >= deadline)
      return is_frozen < 0 ? tell(one, strerror(errno)) : tell(one, "is thawed, but stands below a frozen cgroup");
  }
}

static int thaw_all(void) {
  each_frozen(thaw_one);
  return each_frozen(require_thawed);
}

// CRIU gives the freezer back as it found it, so it must have ended before. One that does not end may be waiting for a process that
// is stopped, and then ends by the thaw; what it holds by ptrace runs no sooner by that.
static void until_no_dump(void) {
  long long patience = boot_ms() + dump_patience_ms;
  for (; end_dumps(staging); usleep(3000)) {
    if (boot_ms() < patience)
      continue;
    each_frozen(thaw_one);
    patience = boot_ms() + 1000;
  }
}

// What we have thawed is wanted frozen again, by its own cgroup.
static int is_refrozen(const struct frozen *one) { return freezer_is_thawed(one->folder) == 0; }

static int end_freeze(void) {
  int decision = take_abort();
  if (decision < 0) {
    dprintf(STDOUT_FILENO, "failed the decision cannot be written: %s\n", strerror(errno));
    return 1;
  }
  if (decision) {
    say("committed");
    return 3;
  }
  int failed;
  do {
    until_no_dump();
    find_blocked(claim);
    failed = thaw_all();
    unblock();
    // One that was just being started; and one that found all frozen, and came to its end since the thaw.
  } while (end_dumps(staging) || (!failed && each_frozen(is_refrozen)));
  if (failed)
    return 1;
  say("thawed");
  return 0;
}

// The kubelet may have back what it has lost meanwhile; an agent would have seen to that. Also when nothing of the pod is left: a pod
// that stood frozen and was aborted counts as one that ran on (src/agent/source/fact.ts), which nothing that is held ever overtakes, so
// a fresh one has nobody beside it. The wrapper itself goes with the next call of the runtime.
static int end_alone(void) {
  char fence[512];
  int result = end_freeze();
  snprintf(fence, sizeof fence, NODE_DIR "/await/fence.%s", pod);
  if (!result)
    unlink(fence);
  return result;
}

static int watch(long budget_ms) {
  char text[256];
  size_t size = 0;
  long long deadline = LLONG_MAX;
  dprintf(STDOUT_FILENO, "ready %d\n", (int)getpid());
  for (;;) {
    long long left = deadline == LLONG_MAX ? -1 : deadline - boot_ms();
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    // An agent that is why it took so long may be dead next, and then nobody would lower the fence.
    if (deadline != LLONG_MAX && left <= 0)
      return end_alone();
    int answer = poll(&input, 1, left > INT_MAX ? INT_MAX : (int)left);
    if (answer == 0 || (answer < 0 && errno == EINTR))
      continue;
    ssize_t more = answer < 0 ? 0 : read(STDIN_FILENO, text + size, sizeof text - 1 - size);
    if (more <= 0)
      return end_alone();
    size += (size_t)more;
    text[size] = 0;
    for (char *end; (end = strchr(text, '\n')); size = strlen(text)) {
      *end = 0;
      if (!strcmp(text, "frozen") && deadline == LLONG_MAX)
        deadline = boot_ms() + budget_ms;
      else if (!strcmp(text, "again")) {
        if (!thaw_all())
          say("again");
        deadline = LLONG_MAX;
      } else if (!strcmp(text, "committed") && is_committed())
        return say("committed"), 0;
      else if (strcmp(text, "frozen"))
        return end_freeze();
      memmove(text, end + 1, strlen(end + 1) + 1);
    }
  }
}

static int doom_one(const struct frozen *one) { return freezer_doom(one->folder, scaled(kill_wait_ms)) ? tell(one, strerror(errno)) : 0; }
static int kill_one(const struct frozen *one) { return freezer_kill(one->folder, scaled(kill_wait_ms)) ? tell(one, strerror(errno)) : 0; }

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  int is_watch = !strcmp(verb, "watch") && argc == 5, is_thaw = !strcmp(verb, "thaw") && argc == 4, is_kill = !strcmp(verb, "kill") && argc == 3;
  if (!is_watch && !is_thaw && !is_kill) {
    fprintf(stderr, "usage: guard watch CLAIM STAGING BUDGET_MS | thaw CLAIM STAGING | kill CLAIM\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  scaled(0); // no disk is waited for when a pod is to be let go
  name_pod(argv[2]);
  static char real[PATH_MAX]; // as /proc tells it
  staging = is_kill ? "" : realpath(argv[3], real) ? real : argv[3];
  migration = is_kill ? "" : last_part(argv[3]);
  claim = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (claim < 0 || (!is_kill && write_draft())) {
    fprintf(stderr, "guard: %s: %s\n", argv[2], strerror(errno));
    return 1;
  }
  if (is_watch)
    return watch(strtol(argv[4], NULL, 10));
  if (is_thaw)
    return end_freeze();
  if (!is_committed() || faccessat(claim, "decision", F_OK, 0)) {
    say("failed the target has not taken over");
    return 1;
  }
  // All first, and only then the first thaw: a sibling could answer to what ends.
  int failed = each_frozen(doom_one);
  if (each_frozen(kill_one) || failed)
    return 1;
  say("killed");
  return 0;
}

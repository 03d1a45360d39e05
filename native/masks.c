#include "guard.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_SETSIGMASK
#define PTRACE_SETSIGMASK 0x420b
#endif

// What CRIU sets while its code runs in a thread: all but SIGKILL and SIGSTOP, which cannot be blocked.
static const unsigned long long all_blocked = 0xfffffffffffbfeffULL;

struct blocked {
  int pid, tid;
  unsigned long long own; // its mask at the freeze
};
static struct blocked *found;
static size_t count, room;

static unsigned long long mask_of(int pid, int tid) {
  char path[64], line[256];
  unsigned long long mask = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
  FILE *status = fopen(path, "re");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "SigBlk: %llx", &mask) == 1)
      break;
  if (status)
    fclose(status);
  return mask;
}

int find_blocked(int claim) {
  struct blocked one;
  int file = openat(claim, "signals", O_RDONLY | O_CLOEXEC);
  FILE *signals = file < 0 ? NULL : fdopen(file, "r");
  char line[256];
  count = 0;
  while (signals && fgets(line, sizeof line, signals)) {
    if (sscanf(line, "%d %d %llx", &one.pid, &one.tid, &one.own) != 3 || one.own == all_blocked || mask_of(one.pid, one.tid) != all_blocked)
      continue;
    if (count == room) {
      struct blocked *more = realloc(found, (room = room ? 2 * room : 16) * sizeof *found);
      if (!more)
        break;
      found = more;
    }
    found[count++] = one;
  }
  if (signals)
    fclose(signals);
  return (int)count;
}

static int set_mask(int tid, unsigned long long mask) {
  int status, is_stopped = 0;
  if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
    return -1;
  for (int i = 0; i < 1000 && !is_stopped; i++) {
    pid_t answer = waitpid(tid, &status, __WALL | WNOHANG);
    if (answer < 0 && errno != EINTR)
      return -1;
    is_stopped = answer == tid;
    if (!is_stopped)
      usleep(1000);
  }
  int result = is_stopped && !ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof mask, &mask) ? 0 : -1;
  ptrace(PTRACE_DETACH, tid, NULL, NULL);
  return result;
}

int unblock(void) {
  int failed = 0;
  if (count)
    usleep(20000); // a program may block all by itself, for an instant
  for (size_t i = 0; i < count; i++)
    if (mask_of(found[i].pid, found[i].tid) == all_blocked && set_mask(found[i].tid, found[i].own))
      failed++;
  return failed;
}

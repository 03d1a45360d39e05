#include "freezer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef CGROUPS
#define CGROUPS "/sys/fs/cgroup"
#endif

long long boot_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int freezer_is_gone(int error) { return error == ENOENT || error == ENODEV; }

static FILE *open_in(const char *folder, const char *name, const char *mode) {
  char path[4400];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
    return errno = ENAMETOOLONG, NULL;
  return fopen(path, mode);
}

// The value of a line "KEY VALUE", or with no key the first word of the file. 0, or -1.
static int word_of(const char *folder, const char *file, const char *key, char word[32]) {
  char line[256];
  FILE *in = open_in(folder, file, "re");
  int found = 0;
  if (!in)
    return -1;
  errno = 0;
  while (!found && fgets(line, sizeof line, in)) {
    size_t length = key ? strlen(key) : 0;
    found = (!key || (!strncmp(line, key, length) && line[length] == ' ')) && sscanf(line + length, "%31s", word) == 1;
  }
  int error = errno ? errno : ENODEV;
  fclose(in);
  return found ? 0 : (errno = error, -1);
}

static int write_to(const char *folder, const char *file, const char *text) {
  char path[4400];
  if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
    return errno = ENAMETOOLONG, -1;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t written = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  return written < 0 ? (errno = error, -1) : 0;
}

static int is_version_1(const char *folder) {
  char path[4400];
  return snprintf(path, sizeof path, "%s/freezer.state", folder) < (int)sizeof path && !access(path, F_OK);
}

int freezer_of(pid_t pid, char *folder, size_t size) {
  char proc[32], line[4400], unified[4400] = "";
  int found = 0;
  snprintf(proc, sizeof proc, "/proc/%d", (int)pid);
  FILE *in = open_in(proc, "cgroup", "re");
  if (!in)
    return -1;
  // Lines are NUMBER:CONTROLLERS:PATH. A node with both versions keeps the freezer in version 1.
  while (!found && fgets(line, sizeof line, in)) {
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
      continue;
    *path++ = 0;
    path[strcspn(path, "\n")] = 0;
    const char *tail = strcmp(path, "/") ? path : "";
    if ((found = !strcmp(controllers + 1, "freezer")))
      snprintf(folder, size, CGROUPS "/freezer%s", tail);
    else if (!controllers[1])
      snprintf(unified, sizeof unified, "%s", tail);
  }
  fclose(in);
  if (!found && !access(CGROUPS "/cgroup.controllers", F_OK) && (found = 1))
    snprintf(folder, size, CGROUPS "%s", unified);
  return found ? 0 : (errno = ENOENT, -1);
}

int freezer_freeze(const char *folder) {
  return is_version_1(folder) ? write_to(folder, "freezer.state", "FROZEN") : write_to(folder, "cgroup.freeze", "1");
}

int freezer_thaw(const char *folder) {
  return is_version_1(folder) ? write_to(folder, "freezer.state", "THAWED") : write_to(folder, "cgroup.freeze", "0");
}

int freezer_is_frozen(const char *folder) {
  char word[32];
  if (is_version_1(folder))
    return word_of(folder, "freezer.state", NULL, word) ? -1 : !strcmp(word, "FROZEN");
  return word_of(folder, "cgroup.events", "frozen", word) ? -1 : !strcmp(word, "1");
}

int freezer_is_thawed(const char *folder) {
  char word[32];
  const char *file = is_version_1(folder) ? "freezer.self_freezing" : "cgroup.freeze";
  return word_of(folder, file, NULL, word) ? -1 : !strcmp(word, "0");
}

int freezer_stop(const char *folder, int wait_ms) {
  long long deadline = boot_ms() + wait_ms;
  for (;;) {
    if (freezer_freeze(folder))
      return -1;
    int is_frozen = freezer_is_frozen(folder);
    if (is_frozen)
      return is_frozen < 0 ? -1 : 0;
    if (boot_ms() >= deadline)
      return errno = ETIMEDOUT, -1;
    usleep(500);
  }
}

// Version 1 leaves out of cgroup.procs whom the reader's PID namespace does not see, without a word: a folder full of processes looks
// empty there. /proc must be of that namespace, too.
static int sees_all(void) {
  char own[32] = "";
  return readlink("/proc/self", own, sizeof own - 1) > 0 && strtol(own, NULL, 10) == getpid();
}

int freezer_each(const char *folder, int (*visit)(pid_t, void *), void *context) {
  char below[4400], line[32];
  int answer = 0;
  if (!sees_all())
    return errno = EPERM, -1;
  FILE *procs = open_in(folder, "cgroup.procs", "re");
  if (!procs)
    return -1;
  errno = 0;
  while (!answer && fgets(line, sizeof line, procs)) {
    pid_t pid = (pid_t)strtol(line, NULL, 10);
    answer = pid > 0 ? visit(pid, context) : (errno = EPERM, -1);
  }
  // A threaded cgroup names no processes: its domain above has named them.
  if (!answer && ferror(procs) && errno != EOPNOTSUPP)
    answer = -1;
  int error = errno;
  fclose(procs);
  if (answer)
    return errno = error, answer;
  DIR *dir = opendir(folder);
  if (!dir)
    return -1;
  for (struct dirent *one; !answer && (one = readdir(dir));) {
    if (one->d_type != DT_DIR || one->d_name[0] == '.')
      continue;
    if (snprintf(below, sizeof below, "%s/%s", folder, one->d_name) >= (int)sizeof below) {
      errno = ENAMETOOLONG, answer = -1;
    } else if ((answer = freezer_each(below, visit, context)) < 0 && freezer_is_gone(errno))
      answer = 0; // a cgroup below went while we looked
    error = errno;
  }
  closedir(dir);
  return errno = error, answer;
}

static int count_one(pid_t pid, void *count) {
  (void)pid;
  ++*(int *)count;
  return 0;
}

int freezer_count(const char *folder) {
  int count = 0;
  if (freezer_each(folder, count_one, &count))
    return freezer_is_gone(errno) ? 0 : -1;
  return count;
}

// A leader that has ended is a zombie while other threads go on: every task is looked at.
int is_doomed(pid_t pid) {
  char tasks[64], task[320], line[256];
  int is_doomed = 1;
  snprintf(tasks, sizeof tasks, "/proc/%d/task", (int)pid);
  DIR *dir = opendir(tasks);
  if (!dir)
    return 1;
  for (struct dirent *one; is_doomed && (one = readdir(dir));) {
    unsigned long long pending = 0, part;
    char state = 'X';
    snprintf(task, sizeof task, "%s/%s", tasks, one->d_name);
    FILE *status = one->d_name[0] == '.' ? NULL : open_in(task, "status", "re");
    if (!status)
      continue;
    while (fgets(line, sizeof line, status)) {
      sscanf(line, "State: %c", &state);
      if (sscanf(line, "SigPnd: %llx", &part) == 1 || sscanf(line, "ShdPnd: %llx", &part) == 1)
        pending |= part;
    }
    fclose(status);
    is_doomed = state == 'Z' || state == 'X' || (pending >> (SIGKILL - 1) & 1);
  }
  closedir(dir);
  return is_doomed;
}

static int doom_one(pid_t pid, void *left) {
  if (pid > 1 && pid != getpid() && !is_doomed(pid)) {
    ++*(int *)left;
    kill(pid, SIGKILL);
  }
  return 0;
}

// A round that finds nobody to signal is the proof: before it all had SIGKILL already, and such a process makes no other.
int freezer_doom(const char *folder, int wait_ms) {
  long long deadline = boot_ms() + wait_ms;
  for (;;) {
    int left = 0;
    if (is_version_1(folder) && freezer_freeze(folder) && !freezer_is_gone(errno))
      return -1;
    write_to(folder, "cgroup.kill", "1"); // version 2 since Linux 5.14: all at once
    if (freezer_each(folder, doom_one, &left))
      return freezer_is_gone(errno) ? 0 : -1;
    if (!left)
      return 0;
    if (boot_ms() >= deadline)
      return errno = ETIMEDOUT, -1;
    usleep(200);
  }
}

// Cgroups below may be frozen by themselves: the program's own doing (systemd in a container).
static int thaw_below(const char *folder) {
  char below[4400];
  DIR *dir = opendir(folder);
  for (struct dirent *one; dir && (one = readdir(dir));)
    if (one->d_type == DT_DIR && one->d_name[0] != '.' &&
        snprintf(below, sizeof below, "%s/%s", folder, one->d_name) < (int)sizeof below)
      thaw_below(below);
  if (dir)
    closedir(dir);
  return freezer_thaw(folder);
}

int freezer_kill(const char *folder, int wait_ms) {
  long long deadline = boot_ms() + wait_ms;
  for (;;) {
    int left = (int)(deadline - boot_ms());
    if (freezer_doom(folder, left > 0 ? left : 0))
      return -1;
    if (is_version_1(folder) && thaw_below(folder) && !freezer_is_gone(errno))
      return -1;
    // Whom exec brings in meanwhile is another round's.
    for (int i = 0; i < 20; i++) {
      int count = freezer_count(folder);
      if (count <= 0)
        return count;
      usleep(500);
    }
    if (boot_ms() >= deadline)
      return errno = ETIMEDOUT, -1;
  }
}

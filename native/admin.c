// What the agent asks for from inside its own container: to run something in the node's namespaces, to run one of our
// tools locked into a folder, and to put the shim over the runtime or take it away.

#include "shim.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "shim: %s: %s\n", what, strerror(errno));
  return 1;
}

// The mount namespace comes last: the others are opened through a path of our own.
static int enter(const char *proc) {
  static const char *names[] = {"cgroup", "ipc", "uts", "net", "pid", "mnt"};
  int namespaces[6];
  for (int i = 0; i < 6; i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/1/ns/%s", proc, names[i]);
    namespaces[i] = open(path, O_RDONLY | O_CLOEXEC);
    if (namespaces[i] < 0 && errno != ENOENT)
      return fail(path);
  }
  for (int i = 0; i < 6; i++) {
    // Nobody can go up to a PID namespace that his own lies in: a helper without hostPID (Liqo takes it away from
    // pods at the peer) stays in its own, which is enough for all but a checkpoint.
    int is_above = !strcmp(names[i], "pid");
    if (namespaces[i] >= 0 && setns(namespaces[i], 0) && !(is_above && errno == EINVAL))
      return fail(names[i]);
  }
  return chdir("/") ? fail("/") : 0;
}

// Out of the helper's cgroup: when the helper dies, everything in there is killed, and a CRIU that is killed while its
// code runs inside somebody's processes takes those with it. What does not work is left as it is.
static void leave_cgroups(void) {
  static const char *hierarchies[] = {"", "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"};
  for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++) {
    char path[128];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/cgroup.procs", hierarchies[i]);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
      continue;
    (void)!write(file, "0", 1);
    close(file);
  }
}

static pid_t child;
static void pass_on(int number) {
  if (child > 0)
    kill(child, number);
}

static int run(char **command, int outlives_us) {
  child = fork();
  if (child < 0)
    return fail("fork");
  if (child == 0) {
    // The agent may be killed at any moment; nothing else of what it started must go on alone.
    if (!outlives_us)
      prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(command[0], command);
    fprintf(stderr, "shim: %s: %s\n", command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
  }
  signal(SIGTERM, pass_on);
  signal(SIGINT, pass_on);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A root file system with nothing but the folder and our tools: whatever a name or a symbolic link says, it cannot
// lead anywhere else. The tmpfs is ours alone, as is the mount namespace; both go with the last process.
static int jail(const char *proc, const char *folder, char **command) {
  char root[] = "/tmp", place[64], tools[sizeof root + sizeof NODE_DIR + 16];
  if (enter(proc))
    return 1;
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
    return fail("unshare");
  // Opened here and not before: a mount can only be bound from within its own mount namespace.
  int target = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int toolbox = open(NODE_DIR "/tools", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target < 0)
    return fail(folder);
  if (mount("kubectl-migrate", root, "tmpfs", 0, "mode=0700,size=16m"))
    return fail("tmpfs");
  snprintf(place, sizeof place, "/proc/self/fd/%d", target);
  if (mkdir("/tmp/d", 0700) || mount(place, "/tmp/d", NULL, MS_BIND, NULL))
    return fail("bind folder");
  if (toolbox >= 0) {
    snprintf(tools, sizeof tools, "%s", root);
    for (const char *from = NODE_DIR "/tools"; *from;) {
      size_t length = 1 + strcspn(from + 1, "/");
      strncat(tools, from, length);
      from += length;
      if (mkdir(tools, 0755))
        return fail(tools);
    }
    snprintf(place, sizeof place, "/proc/self/fd/%d", toolbox);
    if (mount(place, tools, NULL, MS_BIND, NULL) || mount(NULL, tools, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
      return fail("bind tools");
  }
  if (chroot(root) || chdir("/d"))
    return fail("chroot");
  return run(command, 0);
}

static int lock(void) {
  int file = open(NODE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0 && flock(file, LOCK_EX)) {
    close(file);
    return -1;
  }
  return file;
}

static int same_file(const char *one, const char *other) {
  struct stat a, b;
  return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int deadline_passed(const char *folder) {
  char path[1024], text[32] = "";
  snprintf(path, sizeof path, "%s/deadline", folder);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0; // being made just now
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  return length > 0 && strtoll(text, NULL, 10) < (long long)time(NULL);
}

int awaited_pods(void) {
  int found = 0;
  DIR *namespaces = opendir(NODE_DIR "/await");
  for (struct dirent *one; namespaces && (one = readdir(namespaces));) {
    char path[600];
    if (one->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, NODE_DIR "/await/%s", one->d_name);
    DIR *pods = opendir(path);
    for (struct dirent *pod; pods && (pod = readdir(pods));) {
      char folder[1000];
      if (pod->d_name[0] == '.')
        continue;
      snprintf(folder, sizeof folder, "%s/%s", path, pod->d_name);
      found = deadline_passed(folder) && found != 1 ? 2 : 1;
    }
    if (pods)
      closedir(pods);
  }
  if (namespaces)
    closedir(namespaces);
  return found;
}

// Whether somebody waits is asked under the lock, and an agent makes its folder before it mounts: so an agent that
// found the shim in place cannot lose it to one that is just leaving.
int unmount_if_idle(const char *target) {
  int held = lock();
  int result = 0;
  if (awaited_pods() != 1) {
    for (int i = 0; i < 16 && same_file(NODE_DIR "/shim", target); i++)
      if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW)) {
        result = fail(target);
        break;
      }
  }
  if (held >= 0)
    close(held);
  return result;
}

// Somebody has removed our folder, and with it the copy of the runtime, from under us: the node gets its runtime back.
int uncover(char *path, size_t size) {
  struct stat self, found;
  ssize_t length = readlink("/proc/self/exe", path, size - 1);
  if (length <= 0 || stat("/proc/self/exe", &self))
    return -1;
  path[length] = 0;
  char *mark = strstr(path, " (deleted)"); // as we are: only the mount keeps us
  if (mark)
    *mark = 0;
  for (int i = 0; i < 16 && !umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); i++)
    ;
  return !stat(path, &found) && (found.st_ino != self.st_ino || found.st_dev != self.st_dev) ? 0 : -1;
}

static int mount_over(const char *source, const char *target) {
  int held = lock();
  if (held < 0)
    return fail(NODE_DIR "/lock");
  int result = 0;
  if (!same_file(source, target) && mount(source, target, NULL, MS_BIND, NULL))
    result = fail(target);
  close(held);
  return result;
}

int admin(int argc, char **argv) {
  if (argc >= 4 && !strcmp(argv[1], "enter"))
    return enter(argv[2]) ? 1 : run(argv + 3, 0);
  if (argc >= 4 && !strcmp(argv[1], "outlive")) {
    setsid();
    signal(SIGPIPE, SIG_IGN);
    if (enter(argv[2]))
      return 1;
    leave_cgroups();
    return run(argv + 3, 1);
  }
  if (argc >= 5 && !strcmp(argv[1], "jail"))
    return jail(argv[2], argv[3], argv + 4);
  if (argc == 5 && !strcmp(argv[1], "mount"))
    return enter(argv[2]) ? 1 : mount_over(argv[3], argv[4]);
  if (argc == 4 && !strcmp(argv[1], "unmount"))
    return enter(argv[2]) ? 1 : unmount_if_idle(argv[3]);
  fprintf(stderr, "usage: shim enter|outlive PROC PROG ARGS | jail PROC DIR PROG ARGS | mount PROC SRC DST | unmount PROC DST\n");
  return 2;
}

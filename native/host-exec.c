// What the agent asks for from inside its own container, and util-linux cannot do: to run something in the node's namespaces where
// its own lie below them, or out of reach of its own cgroup's end, or locked into a folder.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NODE_DIR
#define NODE_DIR "/var/lib/kubectl-migrate"
#endif
#define LEAF "kubectl-migrate"

static int fail(const char *what) {
  fprintf(stderr, "host-exec: %s: %s\n", what, strerror(errno));
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

static int write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  ssize_t written = file < 0 ? -1 : write(file, text, strlen(text));
  if (file >= 0)
    close(file);
  return written < 0 ? -1 : 0;
}

// Out of the helper's cgroup: when the helper dies, everything in there is killed, and a CRIU that is killed while its
// code runs inside somebody's processes takes those with it. A node inside of another machine has no root cgroup that takes
// processes (EBUSY): then a leaf of ours. What does not work is left as it is.
static void leave_cgroups(void) {
  static const char *hierarchies[] = {"", "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"};
  for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++) {
    char root[128], leaf[192];
    snprintf(root, sizeof root, "/sys/fs/cgroup/%s/cgroup.procs", hierarchies[i]);
    if (!write_text(root, "0") || errno != EBUSY)
      continue;
    snprintf(leaf, sizeof leaf, "/sys/fs/cgroup/%s/" LEAF, hierarchies[i]);
    mkdir(leaf, 0755);
    strcat(leaf, "/cgroup.procs");
    write_text(leaf, "0");
  }
}

// The helper is the first that the kernel kills when memory is short, and what it starts would be the second. Without the right
// to go lower (CAP_SYS_RESOURCE) the lowest that is allowed, which can only be found by trying.
static void be_the_last_to_be_killed(void) {
  int refused = -1001, allowed = 1000;
  while (allowed - refused > 1) {
    char text[16];
    int middle = refused + (allowed - refused) / 2;
    snprintf(text, sizeof text, "%d", middle);
    if (write_text("/proc/self/oom_score_adj", text))
      refused = middle;
    else
      allowed = middle;
  }
}

static pid_t child;
static void pass_on(int number) {
  if (child > 0)
    kill(child, number);
}

// Without a folder it must not go on alone; with one it works there, by which the source guard knows whose it is.
static int run(char **command, const char *outlives_us_in) {
  child = fork();
  if (child < 0)
    return fail("fork");
  if (child == 0) {
    // The agent may be killed at any moment.
    if (!outlives_us_in)
      prctl(PR_SET_PDEATHSIG, SIGKILL);
    else if (chdir(outlives_us_in))
      _exit(fail(outlives_us_in));
    execvp(command[0], command);
    fprintf(stderr, "host-exec: %s: %s\n", command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
  }
  signal(SIGTERM, pass_on);
  signal(SIGINT, pass_on);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A root file system with nothing but the folder, perhaps another one beside it that can only be read, and our tools: whatever a name
// or a symbolic link says, it cannot lead anywhere else. The tmpfs is ours alone, as is the mount namespace; both go with the last
// process.
static int jail(const char *proc, const char *folder, const char *beside, char **command) {
  char root[] = "/tmp", place[64], tools[sizeof root + sizeof NODE_DIR + 16];
  if (enter(proc))
    return 1;
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
    return fail("unshare");
  // Opened here and not before: a mount can only be bound from within its own mount namespace.
  int target = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int other = beside ? open(beside, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  int toolbox = open(NODE_DIR "/tools", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target < 0)
    return fail(folder);
  if (beside && other < 0)
    return fail(beside);
  if (mount("kubectl-migrate", root, "tmpfs", 0, "mode=0700,size=16m"))
    return fail("tmpfs");
  snprintf(place, sizeof place, "/proc/self/fd/%d", target);
  if (mkdir("/tmp/d", 0700) || mount(place, "/tmp/d", NULL, MS_BIND, NULL))
    return fail("bind folder");
  if (beside) {
    snprintf(place, sizeof place, "/proc/self/fd/%d", other);
    if (mkdir("/tmp/o", 0700) || mount(place, "/tmp/o", NULL, MS_BIND, NULL) || mount(NULL, "/tmp/o", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
      return fail("bind folder beside it");
  }
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
  // None of the node's mounts is held from here: what the node unmounts while a tool of ours runs is free. A root that was booted
  // from memory cannot be turned round; there they are held for so long.
  close(target);
  if (beside)
    close(other);
  close(toolbox);
  if (chdir(root) || mkdir("node", 0700))
    return fail(root);
  int is_turned = !syscall(SYS_pivot_root, ".", "node");
  if (is_turned ? chdir("/") || umount2("/node", MNT_DETACH) : chroot("."))
    return fail("root");
  return rmdir("/node") || chdir("/d") ? fail("/d") : run(command, NULL);
}

int main(int argc, char **argv) {
  if (argc >= 4 && !strcmp(argv[1], "enter"))
    return enter(argv[2]) ? 1 : run(argv + 3, NULL);
  if (argc >= 5 && !strcmp(argv[1], "outlive")) {
    setsid();
    signal(SIGPIPE, SIG_IGN);
    if (enter(argv[2]))
      return 1;
    leave_cgroups();
    be_the_last_to_be_killed();
    return run(argv + 4, argv[3]);
  }
  if (argc >= 5 && !strcmp(argv[1], "jail"))
    return jail(argv[2], argv[3], NULL, argv + 4);
  if (argc >= 6 && !strcmp(argv[1], "jail-beside"))
    return jail(argv[2], argv[3], argv[4], argv + 5);
  fprintf(stderr, "usage: host-exec enter PROC PROG ARGS | outlive|jail PROC DIR PROG ARGS | jail-beside PROC DIR OTHER PROG ARGS\n");
  return 2;
}

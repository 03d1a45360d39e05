// What a migration has left on the node of its target when its agent is dead, and nobody came who cleans up: the command was killed,
// and its helper deleted. The agent lives in a PID namespace of its own, which takes along whatever it starts; so the one who sees to
// it is begun by a call of the runtime, as the keeper is.
#include "freezer.h"
#include "held.h"
#include "wrapper.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// How long we wait for the kubelet to take the pod away; then how long for somebody who cleans up, and knows more.
#ifndef WATCH_S
#define WATCH_S 600
#endif
#ifndef GRACE_S
#define GRACE_S 20
#endif
#define LOCK NODE_DIR "/await/.watch"
enum { end_limit_ms = 5000, path_size = 4400 };

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path) && errno != ENOENT ? -1 : 0;
}

static void remove_tree(const char *path) {
  nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void remove_loose_links(void) {
  DIR *links = opendir(RUN_DIR "/held/by-id");
  struct stat found;
  for (struct dirent *one; links && (one = readdir(links));)
    if (one->d_name[0] != '.' && fstatat(dirfd(links), one->d_name, &found, 0))
      unlinkat(dirfd(links), one->d_name, 0);
  if (links)
    closedir(links);
}

// What has been let go is all that there is of a pod, and what is known of it stays until a command has finished that. 0, or -1.
static int sweep_migration(const char *migration) {
  char held[path_size], staging[path_size];
  fill(held, sizeof held, RUN_DIR "/held/%s", migration);
  fill(staging, sizeof staging, NODE_DIR "/migrations/%s", migration);
  if (!access(held, F_OK) && (decide(held, KILL) != KILL || end_held(held, end_limit_ms)))
    return -1;
  remove_tree(held);
  remove_loose_links();
  rmdir(RUN_DIR "/held/by-id"), rmdir(RUN_DIR "/held"), rmdir(RUN_DIR);
  remove_tree(staging);
  return 0;
}

// As src/agent/node/install.ts has it: who makes a folder of his own in there first has it back.
static void leave_node(void) {
  char gone[path_size], path[path_size + 32];
  if (is_anybody_awaited() || rmdir(NODE_DIR "/migrations"))
    return;
  fill(gone, sizeof gone, NODE_DIR ".gone-%d", (int)getpid());
  if (rename(NODE_DIR, gone))
    return;
  fill(path, sizeof path, "%s/migrations", gone);
  if (!access(path, F_OK) && !rename(gone, NODE_DIR))
    return;
  fill(path, sizeof path, "%s/made-criu.kdat", gone);
  if (!access(path, F_OK))
    unlink("/run/criu.kdat");
  rmdir("/sys/fs/cgroup/kubectl-migrate"), rmdir("/sys/fs/cgroup/unified/kubectl-migrate");
  remove_tree(gone);
}

static void sweep(void) {
  DIR *folder = opendir(NODE_DIR "/await");
  for (struct dirent *one; folder && (one = readdir(folder));)
    if (!strncmp(one->d_name, LEFT, sizeof LEFT - 1) && plain(one->d_name + sizeof LEFT - 1) &&
        !sweep_migration(one->d_name + sizeof LEFT - 1))
      unlinkat(dirfd(folder), one->d_name, 0);
  if (folder)
    closedir(folder);
  leave_node();
}

// Out of the call: who made that waits until all have closed its pipes.
static void leave_call(void) {
  setsid();
  DIR *files = opendir("/proc/self/fd");
  for (struct dirent *one; files && (one = readdir(files));)
    if (one->d_name[0] != '.' && atoi(one->d_name) != dirfd(files))
      close(atoi(one->d_name));
  if (!files || closedir(files) || open("/dev/null", O_RDWR) || dup(0) < 0 || dup(0) < 0 || chdir("/"))
    _exit(1);
}

// Whether the folder in which we watch is still there.
static int is_wanted(int lock) {
  struct stat ours, found;
  return !fstat(lock, &ours) && !stat(LOCK, &found) && ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

static void watch(void) {
  int lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600), standing = 1;
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB))
    return; // somebody watches already
  for (int second = 0; standing > 0 && second < WATCH_S; second++) {
    sleep(1);
    standing = is_wanted(lock) ? give_back() : -1;
  }
  if (standing)
    return;
  sleep(GRACE_S);
  if (is_wanted(lock))
    sweep();
}

void watch_awaited(void) {
  pid_t child = fork();
  if (child == 0) {
    if (fork())
      _exit(0);
    leave_call();
    watch();
    _exit(0);
  }
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
    ;
}

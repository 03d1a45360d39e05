// The mount of this program over the node's runtime, and the copy of the runtime that it hands calls on to: the original lies
// below the mount, and runc run from a bind mount of itself refuses to work.
#include "deadline.h"
#include "wrapper.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { layers_max = 16, proof_s = 10 };

static int fail(const char *path, const char *why) {
  fprintf(stderr, "wrapper: %s: %s\n", path, why);
  return 1;
}

static int is_same_file(const char *one, const char *other) {
  struct stat a, b;
  return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// One copy for each runtime, named by its path: two of them may have the same name.
static void copy_path(char *path, size_t size, const char *runtime) {
  if (fill(path, size, NODE_DIR "/real/%s", runtime))
    return;
  for (char *at = path + sizeof NODE_DIR "/real/" - 1; *at; at++)
    if (*at == '/')
      *at = '%';
}

static int is_content_same(int one, const char *other) {
  static char a[65536], b[sizeof a];
  int file = open(other, O_RDONLY | O_CLOEXEC), is_same = file >= 0;
  ssize_t length = 1;
  for (off_t at = 0; is_same && length > 0; at += length) {
    length = pread(one, a, sizeof a, at);
    is_same = length >= 0 && pread(file, b, sizeof b, at) == length && !memcmp(a, b, (size_t)length);
  }
  if (file >= 0)
    close(file);
  return is_same;
}

// A runtime that a package has replaced since gets a new copy; calls under way go on with the old one. 0, or -1.
static int copy_runtime(const char *runtime) {
  static char buffer[65536];
  char path[PATH_MAX], draft[PATH_MAX + 16];
  copy_path(path, sizeof path, runtime);
  int from = open(runtime, O_RDONLY | O_CLOEXEC);
  if (from < 0)
    return -1;
  if (is_content_same(from, path)) {
    close(from);
    return 0;
  }
  mkdir(NODE_DIR "/real", 0700);
  fill(draft, sizeof draft, NODE_DIR "/real/.draft-XXXXXX");
  int to = mkostemp(draft, O_CLOEXEC);
  ssize_t length = to < 0 ? -1 : 1;
  while (length > 0 && (length = read(from, buffer, sizeof buffer)) > 0)
    if (write(to, buffer, (size_t)length) != length)
      length = -1;
  if (!length && fchmod(to, 0755))
    length = -1;
  close(from);
  if (to >= 0 && close(to))
    length = -1;
  if (!length && !rename(draft, path))
    return 0;
  int error = errno;
  if (to >= 0)
    unlink(draft);
  errno = error;
  return -1;
}

// Whether the topmost mount there is one of ours: of today, or of an installation whose files are gone.
static int is_covered(const char *runtime) {
  char line[PATH_MAX * 2], root[PATH_MAX], place[PATH_MAX];
  const char *slash = strrchr(NODE_DIR, '/');
  int is_ours = 0;
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  while (mounts && fgets(line, sizeof line, mounts))
    if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, place) == 2 && !strcmp(place, runtime))
      is_ours = strstr(root, slash) && strstr(root, "/wrapper");
  if (mounts)
    fclose(mounts);
  return is_ours;
}

static int peel(const char *runtime) {
  for (int i = 0; i < layers_max && is_covered(runtime); i++)
    if (umount2(runtime, MNT_DETACH | UMOUNT_NOFOLLOW))
      return -1;
  return 0;
}

// The copy, from below the mount and without taking that away from anybody else: in a mount namespace of a child's own.
static int recover_copy(const char *runtime) {
  int status = 1;
  pid_t child = fork();
  if (!child)
    _exit(unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || peel(runtime) ||
          is_same_file(runtime, "/proc/self/exe") || copy_runtime(runtime));
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return status ? -1 : 0;
}

// What `PROGRAM --version` says, with how it ended behind it.
static void version_of(const char *program, char *text, size_t size) {
  int ends[2], status = 0;
  size_t length = 0;
  pid_t child = pipe2(ends, O_CLOEXEC) ? -1 : fork();
  if (!child) {
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0), dup2(ends[1], 1), dup2(nothing, 2);
    alarm((unsigned)scaled(proof_s));
    execl(program, program, "--version", NULL);
    _exit(127);
  }
  *text = 0;
  if (child < 0)
    return;
  close(ends[1]);
  for (ssize_t more; length < size - 16 && (more = read(ends[0], text + length, size - 16 - length)) > 0;)
    length += (size_t)more;
  close(ends[0]);
  waitpid(child, &status, 0);
  fill(text + length, 16, "\n%d", status);
}

static const char *what_is_odd(const char *runtime) {
  char path[PATH_MAX], direct[4096], through[4096];
  copy_path(path, sizeof path, runtime);
  if (access(path, X_OK) && recover_copy(runtime))
    return "the copy of the runtime is gone";
  version_of(path, direct, sizeof direct);
  version_of(runtime, through, sizeof through);
  if (strcmp(direct, through))
    return "it answers otherwise through the wrapper than without";
  // 126 and 127 are what a shell and we say of a program that cannot be run.
  const char *status = strrchr(direct, '\n');
  int code = status ? atoi(status + 1) : 127 << 8;
  return WIFSIGNALED(code) || WEXITSTATUS(code) >= 126 ? "it does not run" : NULL;
}

// Mounted once, however many migrations ask for it, and by a path that is no link: such a mount could not be found again.
int cover(const char *name) {
  char runtime[PATH_MAX];
  if (!realpath(name, runtime))
    return fail(name, strerror(errno));
  int lock = lock_node();
  if (lock < 0)
    return fail(NODE_DIR "/lock", strerror(errno));
  int is_shared = is_same_file(NODE_DIR "/wrapper", runtime);
  if (!is_shared && (peel(runtime) || copy_runtime(runtime) || mount(NODE_DIR "/wrapper", runtime, NULL, MS_BIND, NULL)))
    return fail(runtime, strerror(errno));
  const char *odd = what_is_odd(runtime);
  if (odd && !is_shared)
    peel(runtime);
  close(lock);
  return odd ? fail(runtime, odd) : 0;
}

// Whether an entry stands is asked under the lock, and an agent says whom it awaits before it covers: so an agent that found the
// runtime covered cannot lose that to one that is just leaving.
int uncover(const char *name) {
  char runtime[PATH_MAX];
  if (!realpath(name, runtime))
    return fail(name, strerror(errno));
  int lock = lock_node();
  if (lock < 0)
    return fail(NODE_DIR "/lock", strerror(errno));
  int result = !forget_fallen() && peel(runtime) ? fail(runtime, strerror(errno)) : 0;
  close(lock);
  return result;
}

static char own[PATH_MAX];

void remember_own_path(void) {
  ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  own[length > 0 ? length : 0] = 0;
  char *mark = strstr(own, " (deleted)");
  if (mark)
    *mark = 0;
}

// Whoever has the lock just now looks after it as well.
int uncover_self(void) {
  int lock = open(NODE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600), result = -1;
  if (lock >= 0 && !flock(lock, LOCK_EX | LOCK_NB) && !forget_fallen())
    result = peel(own);
  if (lock >= 0)
    close(lock);
  return result;
}

// When somebody has removed our folder from under us, and the copy of the runtime with it, the node gets its runtime back: only
// the mount still keeps us then. When only the copy is gone it is made again, as an awaited pod is still to be refused.
int real(char **argv) {
  char path[PATH_MAX];
  copy_path(path, sizeof path, own);
  execv(path, argv);
  int error = errno;
  if (error == ENOENT && is_anybody_awaited()) {
    if (!recover_copy(own))
      execv(path, argv);
  } else if (error == ENOENT && !peel(own) && !is_same_file(own, "/proc/self/exe"))
    execv(own, argv);
  fprintf(stderr, "kubectl migrate: %s: %s\n", path, strerror(error));
  return 127;
}

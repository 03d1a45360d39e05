// Packs the folder that it is started in, in two rounds: all of it while its pod runs, and, when the pod stands still, what has
// changed since. Started before the freeze it is there when time counts, and knows what it saw. GNU tar does the packing: it knows
// more of file systems than we want to (sparse files, hard links, devices, extended attributes, ACLs); we tell it what. Of an upper
// layer it packs what the overlay shows: the kernel alone knows where content lies, and which attributes are its own.
//
// Orders, a line each: `bytes MS` (how much there is, and changed within the last milliseconds), `base`, `last INODE…` (those that are mapped shared and writable). Answers are
// frames, one byte of kind and four of length: `b` numbers, `g` what must go at the copy (see walk.h), `t` the archive, `d` the end
// of the answer, `x` what went wrong, which is the end.
#include "known.h"
#include "walk.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Ticks of file systems are up to 10 ms, and clocks are set; two seconds cost little.
#define SLACK_NS 2000000000LL

static void send_frame(char kind, const char *bytes, size_t length) {
  char head[5] = {kind};
  uint32_t size = htonl((uint32_t)length);
  memcpy(head + 1, &size, 4);
  struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
  for (int at = 0; at < 2;) {
    ssize_t written = writev(1, parts + at, 2 - at);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      exit(1); // nobody is there any more
    for (; at < 2 && (size_t)written >= parts[at].iov_len; at++)
      written -= (ssize_t)parts[at].iov_len;
    if (at < 2) {
      parts[at].iov_base = (char *)parts[at].iov_base + written;
      parts[at].iov_len -= (size_t)written;
    }
  }
}

static void send_long(char kind, const char *bytes, size_t length) {
  for (size_t at = 0, part; at < length; at += part) {
    part = length - at < 262144 ? length - at : 262144;
    send_frame(kind, bytes + at, part);
  }
}

_Noreturn void fail(const char *what, const char *path) {
  char text[600];
  int length = snprintf(text, sizeof text, "%s: %.400s", what, path);
  send_frame('x', text, (size_t)length);
  exit(1);
}

static const char *tar[] = {
    "tar", "--create", "--format=posix", "--numeric-owner", "--sparse", "--acls", "--xattrs", "--xattrs-include=*",
    "--xattrs-exclude=security.selinux",
    // Names are bytes: none is a pattern, an option or an escape.
    "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-",
    // While the pod runs, files that go or change as they are read are no error: they are looked at again.
    "--ignore-failed-read", "--warning=no-file-changed", "--warning=no-file-shrank", NULL};

// A file without a name that holds these bytes.
static int file_of(const struct list *list) {
  int file = memfd_create("list", MFD_CLOEXEC);
  for (size_t at = 0; file >= 0 && at < list->length;) {
    ssize_t written = write(file, list->bytes + at, list->length - at);
    if (written < 0)
      fail("list of names", strerror(errno));
    at += (size_t)written;
  }
  if (file < 0 || lseek(file, 0, SEEK_SET))
    fail("list of names", strerror(errno));
  return file;
}

// Whether tar had nothing to say. `archive` is told what goes out, unless it is NULL.
static int send_archive(const struct tree *tree, const struct list *names, int is_still, struct archive *archive) {
  static char buffer[262144];
  int input = file_of(names), words = memfd_create("words", MFD_CLOEXEC), output[2], status = 0;
  if (words < 0 || pipe2(output, O_CLOEXEC))
    fail("pipe", strerror(errno));
  fcntl(output[1], F_SETPIPE_SZ, 1 << 20);
  pid_t child = fork();
  if (child == 0) {
    if (is_still)
      tar[sizeof tar / sizeof *tar - 4] = NULL;
    int is_there = !tree->overlay || !fchdir(tree->overlay->root);
    if (is_there && dup2(input, 0) == 0 && dup2(output[1], 1) == 1 && dup2(words, 2) == 2)
      execvp(tar[0], (char **)tar);
    dprintf(words, "tar: %s", strerror(errno));
    _exit(127);
  }
  close(output[1]);
  for (ssize_t length; (length = read(output[0], buffer, sizeof buffer)) != 0;)
    if (length < 0 && errno != EINTR)
      fail("tar", strerror(errno));
    else if (length > 0) {
      send_frame('t', buffer, (size_t)length);
      if (archive)
        archive_read(archive, buffer, (size_t)length);
    }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  char said[400] = "";
  ssize_t length = pread(words, said, sizeof said - 1, 0);
  said[strcspn(said, "\n")] = 0;
  close(input), close(words), close(output[0]);
  // 1 says that a file changed as it was read.
  if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > (is_still ? 0 : 1))
    fail("tar", length > 0 ? said : "it was ended");
  return length == 0;
}

static int64_t clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Files in memory have no stamps that can be believed: a page is mapped writable as soon as it is read, and a store tells nobody. So their
// content is looked at, and compared with what was packed of it. On disk the first store into a page tells, and the next ones do not
// until the page has been written back; so all are, and from then on every store is told, and late enough.
static void prepare(struct tree *tree) {
  struct statfs system;
  int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || fstatfs(folder, &system))
    fail("folder", strerror(errno));
  uint32_t kind = (uint32_t)system.f_type;
  tree->is_volatile = kind == 0x01021994 /* tmpfs */ || kind == 0x858458f6 /* ramfs */ || kind == 0x958458f6 /* hugetlbfs */;
  tree->since = clock_now() - SLACK_NS;
  if (!tree->is_volatile && syncfs(folder))
    fail("syncfs", strerror(errno));
  close(folder);
}

static void found(void *tree, const char *path, size_t length, uint64_t hash) {
  know(tree, path, length, hash);
}

static void base(struct tree *tree) {
  static struct archive archive;
  struct changes changes = {0};
  archive.found = found;
  archive.who = tree;
  prepare(tree);
  look(tree, &changes);
  send_long('g', changes.gone.bytes, changes.gone.length);
  tree->has_gaps = !send_archive(tree, &changes.packed, 0, tree->is_volatile ? &archive : NULL);
  send_frame('d', "", 0);
  free(changes.gone.bytes);
  free(changes.packed.bytes);
}

static void last(struct tree *tree, char *inodes) {
  struct changes changes = {0};
  for (char *word = strtok(inodes, " "); word; word = strtok(NULL, " ")) {
    tree->mapped = realloc(tree->mapped, (tree->mapped_count + 1) * sizeof *tree->mapped);
    if (!tree->mapped)
      fail("memory", "");
    tree->mapped[tree->mapped_count++] = strtoull(word, NULL, 10);
  }
  look_again(tree, &changes);
  send_long('g', changes.gone.bytes, changes.gone.length);
  if (changes.packed.length)
    send_archive(tree, &changes.packed, 1, NULL);
  send_frame('d', "", 0);
}

static void bytes(struct tree tree, const char *milliseconds) {
  struct changes changes = {.young_since = clock_now() - strtoll(milliseconds, NULL, 10) * 1000000};
  char text[64];
  look(&tree, &changes);
  int length = snprintf(text, sizeof text, "%llu %llu", (unsigned long long)changes.bytes, (unsigned long long)changes.young);
  send_frame('b', text, (size_t)length);
  send_frame('d', "", 0);
}

// Those of an overlay that was mounted with `userxattr` begin otherwise. In any other one, what begins like that is the container's own.
static const struct overlay *overlay_of(const char *marks, const char *root) {
  static struct overlay overlay;
  int is_users = !strcmp(marks, "user");
  overlay.opaque = is_users ? "user.overlay.opaque" : "trusted.overlay.opaque";
  overlay.redirect = is_users ? "user.overlay.redirect" : "trusted.overlay.redirect";
  overlay.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (overlay.root < 0)
    fail(strerror(errno), root);
  return &overlay;
}

int main(int argc, char **argv) {
  int is_plain = argc > 1 && !strcmp(argv[1], "plain");
  if (!is_plain && (argc != 4 || strcmp(argv[1], "overlay") || (strcmp(argv[2], "trusted") && strcmp(argv[2], "user")))) {
    fprintf(stderr, "usage: pack-tree plain [ONLY...] | overlay trusted|user ROOT\n");
    return 2;
  }
  struct tree tree = {0};
  if (is_plain)
    tree.only = argc > 2 ? argv + 2 : NULL;
  else
    tree.overlay = overlay_of(argv[2], argv[3]);
  struct rlimit most;
  // A descriptor for each folder on the way down.
  if (!getrlimit(RLIMIT_NOFILE, &most) && most.rlim_cur < most.rlim_max) {
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
  }
  char *line = NULL;
  size_t room = 0;
  for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
    line[length - 1] = 0;
    if (!strncmp(line, "bytes ", 6))
      bytes(tree, line + 6);
    else if (!strcmp(line, "base"))
      base(&tree);
    else if (!strncmp(line, "last", 4) && (!line[4] || line[4] == ' '))
      last(&tree, line + 4);
    else
      fail("no such order", line);
  }
  return 0;
}

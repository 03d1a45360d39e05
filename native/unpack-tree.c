// Brings the folder that it is started in up to what pack-tree has packed: first goes what must go, then the archive is unpacked. The
// list comes by descriptor 3, the archive as standard input (`archive`), or there is none (`list`). Both come from another node.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void fail(const char *what, const char *path) {
  fprintf(stderr, "%s: %s: %s\n", path, what, strerror(errno));
  exit(1);
}

// Names below the folder and nothing else: no empty one, none that leads back or out.
static int is_inner(const char *path) {
  for (;; path++) {
    size_t length = strcspn(path, "/");
    if (!length || (length <= 2 && !strncmp(path, "..", length)))
      return 0;
    if (!path[length])
      return 1;
    path += length;
  }
}

static void remove_content(int folder, const char *path);

// Whatever is there goes; that nothing is there is fine.
static void remove_entry(int parent, const char *name, const char *path) {
  if (!unlinkat(parent, name, 0) || errno == ENOENT)
    return;
  if (errno != EISDIR && errno != EPERM)
    fail("cannot be removed", path);
  int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0)
    fail("cannot be removed", path);
  remove_content(folder, path);
  if (unlinkat(parent, name, AT_REMOVEDIR))
    fail("cannot be removed", path);
}

// Begun anew until nothing is left: what a folder tells while it shrinks is not complete on every file system.
static void remove_content(int folder, const char *path) {
  DIR *names = fdopendir(folder);
  if (!names)
    fail("cannot be read", path);
  for (int is_empty = 0; !is_empty; rewinddir(names)) {
    is_empty = 1;
    for (struct dirent *one; (one = readdir(names));)
      if (strcmp(one->d_name, ".") && strcmp(one->d_name, "..")) {
        is_empty = 0;
        remove_entry(folder, one->d_name, path);
      }
  }
  closedir(names);
}

// The folder that holds the last name of a path, or -1: a link on the way is nothing of ours, so nothing of ours is behind it.
static int folder_of(const char *path, const char **name) {
  int at = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (*name = path; at >= 0 && strchr(*name, '/'); *name = strchr(*name, '/') + 1) {
    char part[256];
    int is_whole = snprintf(part, sizeof part, "%.*s", (int)strcspn(*name, "/"), *name) < (int)sizeof part;
    int next = is_whole ? openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    close(at);
    at = next;
  }
  return at;
}

static void carry_out(const char *record) {
  const char *path = record + 1, *name;
  struct stat status;
  if ((record[0] != 'e' && record[0] != 'r') || !is_inner(path)) {
    errno = EINVAL;
    fail("the list of what must go has it", record);
  }
  int parent = folder_of(path, &name);
  if (parent < 0)
    return;
  if (record[0] == 'e' && !fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) && S_ISDIR(status.st_mode)) {
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
      fail("cannot be emptied", path);
    remove_content(folder, path);
  } else {
    remove_entry(parent, name, path);
  }
  close(parent);
}

int main(int argc, char **argv) {
  if (argc != 2 || (strcmp(argv[1], "archive") && strcmp(argv[1], "list"))) {
    fprintf(stderr, "usage: unpack-tree archive|list\n");
    return 2;
  }
  FILE *list = fdopen(3, "r");
  char *record = NULL;
  size_t room = 0;
  for (ssize_t length; list && (length = getdelim(&record, &room, 0, list)) > 0;) {
    if (record[length - 1]) {
      errno = EINVAL;
      fail("the list of what must go ends within it", record);
    }
    carry_out(record);
  }
  if (!strcmp(argv[1], "list"))
    return 0;
  execlp("tar", "tar", "--extract", "--numeric-owner", "--same-owner", "--same-permissions", "--acls", "--xattrs", "--xattrs-include=*", NULL);
  fail("tar", "exec");
}

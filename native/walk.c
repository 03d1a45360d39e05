#include "walk.h"
#include "known.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

struct walk {
  struct tree *tree;
  struct changes *changes;
  int is_second;
  int is_layer; // whether we are in an upper layer, and not in its overlay
  struct list path; // of where we are, relative to the folder, not ended by a zero byte
};

static void *grown(void *block, size_t *room, size_t wanted, size_t size) {
  if (wanted <= *room)
    return block;
  *room = wanted + wanted / 2 + 64;
  block = realloc(block, *room * size);
  if (!block)
    fail("memory", "");
  return block;
}

void append(struct list *list, const void *bytes, size_t length) {
  list->bytes = grown(list->bytes, &list->room, list->length + length + 1, 1);
  memcpy(list->bytes + list->length, bytes, length);
  list->length += length;
}

static uint64_t hash_of(const char *path, size_t length) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < length; i++)
    hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3;
  return hash ^ hash >> 32;
}

// The slot of a path: that of its entry, or the free one where it belongs. A slot holds a number counted from 1.
static size_t *slot_of(const struct tree *tree, const char *path, size_t length) {
  for (size_t at = hash_of(path, length);; at++) {
    size_t *slot = &tree->table[at & (tree->slots - 1)];
    if (!*slot)
      return slot;
    const struct entry *entry = &tree->entries[*slot - 1];
    if (entry->length == length && !memcmp(tree->paths.bytes + entry->path, path, length))
      return slot;
  }
}

static void remember(struct tree *tree, const struct entry *entry, const struct list *path) {
  tree->entries = grown(tree->entries, &tree->room, tree->count + 1, sizeof *tree->entries);
  tree->entries[tree->count] = *entry;
  tree->entries[tree->count].path = tree->paths.length;
  tree->entries[tree->count++].length = (uint32_t)path->length;
  append(&tree->paths, path->bytes, path->length);
}

// Made when all are known, as it never grows then.
static void index_entries(struct tree *tree) {
  for (tree->slots = 64; tree->slots < tree->count * 2; tree->slots *= 2)
    ;
  tree->table = calloc(tree->slots, sizeof *tree->table);
  if (!tree->table)
    fail("memory", "");
  for (size_t i = 0; i < tree->count; i++)
    *slot_of(tree, tree->paths.bytes + tree->entries[i].path, tree->entries[i].length) = i + 1;
}

static int by_number(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return a < b ? -1 : a > b;
}

static int is_mapped(const struct tree *tree, uint64_t inode) {
  return tree->mapped_count && bsearch(&inode, tree->mapped, tree->mapped_count, sizeof inode, by_number);
}

static int has_content(const struct entry *old, int parent, const char *name) {
  static struct content content;
  static unsigned char buffer[HASHED_BLOCK * 4];
  int file = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : 1;
  content_begin(&content);
  while (length > 0 && (length = read(file, buffer, sizeof buffer)) > 0)
    content_add(&content, buffer, (size_t)length);
  if (file >= 0)
    close(file);
  return !length && content_end(&content) == old->content;
}

static int has_stamps(const struct tree *tree, const struct entry *old, const struct entry *now) {
  return old && old->inode == now->inode && old->size == now->size && old->modified == now->modified && old->changed == now->changed &&
         old->mode == now->mode && old->uid == now->uid && old->gid == now->gid && now->changed < tree->since;
}

// Whether the copy has an entry as it is now. Where stamps tell nothing of the content of files, that itself is looked at. All names of
// a file must travel together, else they are several files at the copy; of those with more than one nothing is believed there.
static int is_same(const struct tree *tree, const struct entry *old, const struct entry *now, int parent, const char *name) {
  if (!has_stamps(tree, old, now))
    return 0;
  if (tree->is_volatile && S_ISREG(now->mode))
    return old->is_known && now->links == 1 && has_content(old, parent, name);
  return !is_mapped(tree, now->inode);
}

static void mark(struct walk *walk, char what) {
  append(&walk->changes->gone, &what, 1);
  append(&walk->changes->gone, walk->path.bytes, walk->path.length);
  append(&walk->changes->gone, "", 1);
}

// The folder where we are, as the container sees it; -1 when it is not there. No link is followed: the container may run.
static int open_in_overlay(const struct walk *walk) {
  struct list path = {0};
  append(&path, walk->path.bytes, walk->path.length);
  append(&path, "", 1);
  char *rest, *name = strtok_r(path.bytes, "/", &rest);
  int folder = openat(walk->tree->overlay->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (; name && folder >= 0; name = strtok_r(NULL, "/", &rest)) {
    int next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), reason = errno;
    close(folder);
    folder = next;
    errno = reason;
  }
  free(path.bytes);
  return folder;
}

// Some folders lose a mark of the overlay when they are read through it, and get another time by that. When all stands still that must
// not come as tar reads them, to which it looks as if somebody had changed them.
static void settle(const struct walk *walk) {
  char names[4096];
  int folder = open_in_overlay(walk);
  if (folder >= 0) {
    syscall(SYS_getdents64, folder, names, sizeof names);
    close(folder);
  }
}

static void pack(struct walk *walk, int is_folder) {
  if (is_folder && walk->is_layer && walk->is_second)
    settle(walk);
  if (walk->path.length)
    append(&walk->changes->packed, walk->path.bytes, walk->path.length);
  else
    append(&walk->changes->packed, ".", 1);
  append(&walk->changes->packed, "", 1);
}

// What a copy needs of an entry that it does not have as it is `now`; `old` is what the first look saw there.
static void renew(struct walk *walk, const struct entry *old, const struct entry *now) {
  if (now->is_deleted)
    return mark(walk, 'r');
  // tar puts a thing of the same kind, or a folder that is new, in its place by itself. An upper layer may hide a folder of the image.
  int is_kept = old && !old->is_deleted && (old->mode & S_IFMT) == (now->mode & S_IFMT);
  if (!is_kept && (old || !S_ISDIR(now->mode)) && (walk->is_second || walk->tree->overlay))
    mark(walk, 'r');
  // CRIU makes sockets again.
  if (!S_ISSOCK(now->mode))
    pack(walk, S_ISDIR(now->mode));
}

// Ends the program, unless what was there is gone while the first look is taken.
static int missing(const struct walk *walk) {
  if (!walk->is_second && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ESTALE))
    return 0;
  const char *reason = strerror(errno);
  struct list text = {0};
  append(&text, walk->path.bytes, walk->path.length);
  append(&text, "", 1);
  fail(reason, text.bytes);
}

static int is_opaque(const struct overlay *overlay, int folder) {
  char value;
  return fgetxattr(folder, overlay->opaque, &value, 1) == 1 && value == 'y';
}

// Whether it was moved while what it has from the image stayed there.
static int is_redirected(const struct walk *walk, int folder) {
  if (fgetxattr(folder, walk->tree->overlay->redirect, NULL, 0) >= 0)
    return 1;
  if (errno != ENODATA && errno != ENOTSUP)
    missing(walk);
  return 0;
}

static int is_wanted(const struct walk *walk, const char *name) {
  char **only = walk->path.length ? NULL : walk->tree->only;
  while (only && *only && strcmp(*only, name))
    only++;
  return strcmp(name, ".") && strcmp(name, "..") && (!only || *only);
}

static int visit(struct walk *walk, int parent, const char *name, int is_all);

// Whether the copy of any is renewed. All names are read before the first is visited, so that one buffer is enough.
static int visit_children(struct walk *walk, int folder, int is_all) {
  static char buffer[65536];
  struct list names = {0};
  int is_any = 0;
  for (long length; (length = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) != 0;) {
    if (length < 0) {
      missing(walk);
      break;
    }
    for (long at = 0; at < length;) {
      const struct dirent *one = (const struct dirent *)(buffer + at);
      if (is_wanted(walk, one->d_name))
        append(&names, one->d_name, strlen(one->d_name) + 1);
      at += one->d_reclen;
    }
  }
  size_t above = walk->path.length;
  for (size_t at = 0; at < names.length; at += strlen(names.bytes + at) + 1) {
    append(&walk->path, "/", above > 0);
    append(&walk->path, names.bytes + at, strlen(names.bytes + at));
    is_any |= visit(walk, folder, names.bytes + at, is_all);
    walk->path.length = above;
  }
  free(names.bytes);
  return is_any;
}

static int visit(struct walk *walk, int parent, const char *name, int is_all) {
  struct tree *tree = walk->tree;
  struct stat status;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW))
    return missing(walk);
  struct entry now = {
      .inode = status.st_ino,
      .size = status.st_size,
      .modified = status.st_mtim.tv_sec * 1000000000LL + status.st_mtim.tv_nsec,
      .changed = status.st_ctim.tv_sec * 1000000000LL + status.st_ctim.tv_nsec,
      .mode = status.st_mode,
      .uid = status.st_uid,
      .gid = status.st_gid,
      .links = (uint32_t)status.st_nlink,
      .is_deleted = walk->is_layer && S_ISCHR(status.st_mode) && status.st_rdev == 0,
  };
  int folder = -1, is_moved = 0;
  if (S_ISDIR(now.mode)) {
    folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
      return missing(walk);
    if (walk->is_layer && walk->path.length) {
      now.hides_image = is_opaque(tree->overlay, folder);
      is_moved = !now.hides_image && is_redirected(walk, folder);
    }
    if (is_moved) {
      now.hides_image = 1;
      close(folder);
      if ((folder = open_in_overlay(walk)) < 0)
        return missing(walk);
    }
  } else if (!now.is_deleted && !S_ISSOCK(now.mode)) {
    walk->changes->bytes += (uint64_t)now.size;
    walk->changes->young += now.changed > walk->changes->young_since ? (uint64_t)now.size : 0;
  }
  struct entry *old = NULL;
  if (walk->is_second) {
    size_t number = *slot_of(tree, walk->path.bytes, walk->path.length);
    old = number ? &tree->entries[number - 1] : NULL;
    if (old)
      old->is_seen = 1;
  } else {
    remember(tree, &now, &walk->path);
  }
  int is_changed = is_all || !is_same(tree, old, &now, parent, name);
  if (is_changed)
    renew(walk, old, &now);
  if (folder < 0)
    return is_changed;
  // It was emptied at the copy already if it hid the image's at the first look; what lies in it unchanged would be lost by doing it again.
  if (now.hides_image && !(old && old->hides_image && old->inode == now.inode)) {
    mark(walk, 'e');
    is_all = 1;
  }
  walk->is_layer &= !is_moved;
  // What is put into a folder at the copy changes the folder's time there.
  if (visit_children(walk, folder, is_all || (tree->has_gaps && is_changed)) && !is_changed)
    pack(walk, 1);
  walk->is_layer |= is_moved;
  close(folder);
  return is_changed;
}

void know(struct tree *tree, const char *path, size_t length, uint64_t content) {
  size_t number = *slot_of(tree, path, length);
  if (!number)
    return;
  tree->entries[number - 1].content = content;
  tree->entries[number - 1].is_known = 1;
}

void look(struct tree *tree, struct changes *changes) {
  struct walk walk = {.tree = tree, .changes = changes, .is_layer = tree->overlay != NULL};
  append(&walk.path, "", 0);
  visit(&walk, AT_FDCWD, ".", 0);
  index_entries(tree);
  free(walk.path.bytes);
}

void look_again(struct tree *tree, struct changes *changes) {
  struct walk walk = {.tree = tree, .changes = changes, .is_second = 1, .is_layer = tree->overlay != NULL};
  append(&walk.path, "", 0);
  if (!tree->table)
    index_entries(tree);
  if (tree->mapped_count)
    qsort(tree->mapped, tree->mapped_count, sizeof *tree->mapped, by_number);
  visit(&walk, AT_FDCWD, ".", 0);
  walk.path.length = 0;
  for (size_t i = 0; i < tree->count; i++) {
    const struct entry *entry = &tree->entries[i];
    const char *path = tree->paths.bytes + entry->path;
    // What is gone with its folder, which comes first, need not be told.
    size_t above = walk.path.length;
    int is_told = above && entry->length > above && path[above] == '/' && !memcmp(path, walk.path.bytes, above);
    if (entry->is_seen || is_told)
      continue;
    walk.path.length = 0;
    append(&walk.path, path, entry->length);
    mark(&walk, 'r');
  }
  free(walk.path.bytes);
}

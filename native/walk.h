// Everything below a folder, by its path in bytes: what is there, and what has changed since a first look.
#ifndef WALK_H
#define WALK_H
#include <stddef.h>
#include <stdint.h>

struct list {
  char *bytes;
  size_t length, room;
};

void append(struct list *list, const void *bytes, size_t length);

struct entry {
  uint64_t inode;
  int64_t size, modified, changed; // nanoseconds
  uint32_t mode, uid, gid, links;
  uint32_t length;
  size_t path; // where it begins among the paths
  uint64_t content; // a hash, when it is known what the copy has
  char hides_image, is_deleted, is_seen, is_known;
};

// A container's root file system. Its upper layer tells what was changed, and marks deletions, but need not have all of it: what was
// moved, or got another owner and no more, may have its content in the image still, under another name.
struct overlay {
  int root;
  // The attributes of a folder of the upper layer that hides what the image has there, and of one that has what lies elsewhere in it.
  const char *opaque, *redirect;
};

struct tree {
  // Whose upper layer it is, if it is one.
  const struct overlay *overlay;
  // Whether its files can change without any stamp.
  int is_volatile;
  // Of the entries right in the folder only these; all when NULL. Ends with NULL.
  char **only;
  // What the first look saw. It was begun at `since`, nanoseconds since 1970; no earlier stamp comes from a later change.
  struct entry *entries;
  size_t count, room, slots;
  struct list paths;
  size_t *table;
  int64_t since;
  // Whether the first look may have been carried away with gaps: then nothing below a folder that moved since is believed.
  int has_gaps;
  // Inodes that some process has mapped shared and writable, in order.
  uint64_t *mapped;
  size_t mapped_count;
};

// What a copy of the tree needs: all paths end with a zero byte, those of `gone` begin with `e` (whatever is there and no folder
// goes, and so does what is in the folder) or `r` (whatever is there goes).
struct changes {
  struct list gone, packed;
  // Of all files, and of those that changed since a time, nanoseconds since 1970.
  uint64_t bytes, young;
  int64_t young_since;
};

// What was packed of an entry that the first look saw.
void know(struct tree *tree, const char *path, size_t length, uint64_t content);

// Both end the program by fail() when something cannot be read; what goes while the first look is taken is left out.
void look(struct tree *tree, struct changes *changes);
void look_again(struct tree *tree, struct changes *changes);

// Of who uses this.
_Noreturn void fail(const char *what, const char *path);
#endif

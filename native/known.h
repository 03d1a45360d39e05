// What is in a file, told by a hash of its content: where stamps cannot be believed. A hash says nothing against somebody who looks for
// two contents of one hash; whoever writes these files would fool nobody but himself.
#ifndef KNOWN_H
#define KNOWN_H
#include <stddef.h>
#include <stdint.h>

#define HASHED_BLOCK 65536

struct content {
  uint64_t hash, size;
  size_t held;
  unsigned char block[HASHED_BLOCK];
};

void content_begin(struct content *content);
void content_add(struct content *content, const unsigned char *bytes, size_t length);
uint64_t content_end(struct content *content);

// Reads a tar archive as it comes, in whatever pieces, and tells of each plain file the path and the hash of what was packed of it. Of
// files with holes, and of what it does not understand, it tells nothing.
struct archive {
  void (*found)(void *who, const char *path, size_t length, uint64_t hash);
  void *who;
  int kind;            // of the entry whose content we are in
  uint64_t left, gap;  // bytes to come of it, and bytes of nothing behind it
  size_t held;         // bytes of a header, or of the content so far
  char header[512];
  char *more;          // extended attributes of the next entry
  size_t more_length;
  int is_unclear;      // whether they are too many
  struct content content;
};

void archive_read(struct archive *archive, const char *bytes, size_t length);
#endif

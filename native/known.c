#include "known.h"
#include <stdlib.h>
#include <string.h>

enum { most_attributes = 1 << 20 };

static uint64_t turned(uint64_t value, int bits) {
  return value << bits | value >> (64 - bits);
}

// Four sums side by side, so that a processor does them at once (the way of XXH64).
static uint64_t hash_of(const unsigned char *bytes, size_t length) {
  static const uint64_t one = 0x9E3779B185EBCA87, two = 0xC2B2AE3D27D4EB4F, three = 0x165667B19E3779F9;
  uint64_t sums[4] = {one + two, two, 0, 0 - one}, words[4];
  size_t at = 0;
  for (int is_last = 0; !is_last; at += sizeof words) {
    is_last = length - at <= sizeof words;
    if (is_last)
      memset(words, 0, sizeof words);
    memcpy(words, bytes + at, is_last ? length - at : sizeof words);
    for (int i = 0; i < 4; i++)
      sums[i] = turned(sums[i] + words[i] * two, 31) * one;
  }
  uint64_t hash = (turned(sums[0], 1) + turned(sums[1], 7) + turned(sums[2], 12) + turned(sums[3], 18)) ^ length;
  hash = (hash ^ hash >> 33) * two;
  hash = (hash ^ hash >> 29) * three;
  return hash ^ hash >> 32;
}

void content_begin(struct content *content) {
  content->hash = content->size = content->held = 0;
}

static void add_block(struct content *content, const unsigned char *bytes, size_t length) {
  uint64_t both[2] = {content->hash, hash_of(bytes, length)};
  content->hash = hash_of((const unsigned char *)both, sizeof both);
  content->size += length;
}

void content_add(struct content *content, const unsigned char *bytes, size_t length) {
  while (length > 0) {
    if (!content->held && length >= HASHED_BLOCK) {
      add_block(content, bytes, HASHED_BLOCK);
      bytes += HASHED_BLOCK, length -= HASHED_BLOCK;
      continue;
    }
    size_t part = HASHED_BLOCK - content->held < length ? HASHED_BLOCK - content->held : length;
    memcpy(content->block + content->held, bytes, part);
    content->held += part, bytes += part, length -= part;
    if (content->held == HASHED_BLOCK) {
      add_block(content, content->block, HASHED_BLOCK);
      content->held = 0;
    }
  }
}

uint64_t content_end(struct content *content) {
  if (content->held)
    add_block(content, content->block, content->held);
  return content->hash ^ content->size;
}

// A number of a header: octal digits, or binary when the first bit is set.
static uint64_t number_of(const char *field, size_t length) {
  uint64_t number = 0;
  int is_binary = field[0] & 0x80;
  for (size_t i = 0; i < length; i++)
    if (is_binary)
      number = number << 8 | ((unsigned char)field[i] & (i ? 0xff : 0x7f));
    else if (field[i] >= '0' && field[i] <= '7')
      number = number << 3 | (uint64_t)(field[i] - '0');
  return number;
}

// The value of an extended attribute, each of which is `LENGTH KEY=VALUE\n`; any whose key begins so when `is_start`.
static const char *attribute(const struct archive *archive, const char *key, int is_start, size_t *length) {
  for (const char *at = archive->more, *end = at + archive->more_length; at && at < end;) {
    char *key_at;
    size_t size = strtoul(at, &key_at, 10), key_length = strlen(key);
    if (key_at == at || *key_at != ' ' || size > (size_t)(end - at) || at + size < key_at + 2)
      return NULL;
    const char *value = key_at + 1 + key_length + !is_start, *behind = at + size - 1;
    if (value <= behind && !memcmp(key_at + 1, key, key_length) && (is_start || value[-1] == '=')) {
      *length = (size_t)(behind - value);
      return value;
    }
    at += size;
  }
  return NULL;
}

static void begin_entry(struct archive *archive) {
  const char *header = archive->header;
  size_t length;
  archive->kind = header[156] ? header[156] : '0';
  archive->left = number_of(header + 124, 12);
  if (archive->kind == 'x') {
    free(archive->more);
    archive->more_length = archive->left < most_attributes ? (size_t)archive->left : 0;
    archive->more = calloc(archive->more_length + 1, 1);
    archive->is_unclear = !archive->more || archive->more_length != archive->left;
  } else if (archive->kind != 'g') {
    const char *size = attribute(archive, "size", 0, &length);
    if (size)
      archive->left = strtoull(size, NULL, 10);
    content_begin(&archive->content);
  }
  archive->gap = (512 - archive->left % 512) % 512;
}

static void tell(struct archive *archive) {
  char name[256];
  const char *header = archive->header;
  size_t length, ignored;
  const char *path = attribute(archive, "path", 0, &length);
  if (!path) {
    length = strnlen(header + 345, 155);
    memcpy(name, header + 345, length);
    if (length)
      name[length++] = '/';
    memcpy(name + length, header, strnlen(header, 100));
    length += strnlen(header, 100);
    path = name;
  }
  if (archive->kind == '0' && !archive->is_unclear && !attribute(archive, "GNU.sparse.", 1, &ignored))
    archive->found(archive->who, path, length, content_end(&archive->content));
}

static void end_entry(struct archive *archive) {
  archive->held = 0;
  if (archive->kind == 'x' || archive->kind == 'g')
    return;
  tell(archive);
  free(archive->more);
  archive->more = NULL;
  archive->more_length = 0;
  archive->is_unclear = 0;
}

static void add(struct archive *archive, const char *bytes, size_t length) {
  if (archive->kind == '0')
    content_add(&archive->content, (const unsigned char *)bytes, length);
  if (archive->kind == 'x' && !archive->is_unclear)
    memcpy(archive->more + archive->held, bytes, length);
  archive->held += length;
}

void archive_read(struct archive *archive, const char *bytes, size_t length) {
  static const char zeros[512];
  while (length > 0) {
    uint64_t wanted = archive->left ? archive->left : archive->gap ? archive->gap : sizeof archive->header - archive->held;
    size_t part = wanted < length ? (size_t)wanted : length;
    int ends = 0;
    if (archive->left) {
      add(archive, bytes, part);
      archive->left -= part;
      ends = !archive->left && !archive->gap;
    } else if (archive->gap) {
      archive->gap -= part;
      ends = !archive->gap;
    } else {
      memcpy(archive->header + archive->held, bytes, part);
      archive->held += part;
      if (archive->held == sizeof archive->header) {
        archive->held = 0;
        if (memcmp(archive->header, zeros, sizeof zeros)) {
          begin_entry(archive);
          ends = !archive->left;
        }
      }
    }
    if (ends)
      end_entry(archive);
    bytes += part, length -= part;
  }
}

// Small files that others read at any moment: they are there as a whole, or not at all.
#include "wrapper.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int fill(char *text, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, size, format, arguments);
  va_end(arguments);
  if (length >= 0 && (size_t)length < size)
    return 0;
  *text = 0;
  errno = ENAMETOOLONG;
  return -1;
}

int read_text(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t length = file < 0 ? -1 : read(file, text, size - 1);
  if (file >= 0)
    close(file);
  if (length < 0)
    return -1;
  text[length] = 0;
  if (length && text[length - 1] == '\n')
    text[length - 1] = 0;
  return 0;
}

// The draft's path, or NULL. Its name begins with a dot: nobody takes it for anything.
static char *draft_of(const char *path, const char *text) {
  const char *slash = strrchr(path, '/');
  char *draft = NULL;
  if (!slash || asprintf(&draft, "%.*s/.draft-XXXXXX", (int)(slash - path), path) < 0)
    return NULL;
  int file = mkostemp(draft, O_CLOEXEC), is_whole = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
  if (file >= 0)
    close(file);
  if (is_whole)
    return draft;
  int error = errno;
  if (file >= 0)
    unlink(draft);
  free(draft);
  errno = error;
  return NULL;
}

int put_text(const char *path, const char *text) {
  char *draft = draft_of(path, text);
  int result = draft ? rename(draft, path) : -1, error = errno;
  if (result && draft)
    unlink(draft);
  free(draft);
  errno = error;
  return result;
}

int link_text(const char *path, const char *text) {
  char *draft = draft_of(path, text);
  int result = draft ? link(draft, path) : -1, error = errno;
  if (draft)
    unlink(draft);
  free(draft);
  errno = error;
  return result;
}

int lock_node(void) {
  int lock = open(NODE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock >= 0 && flock(lock, LOCK_EX)) {
    close(lock);
    return -1;
  }
  return lock;
}

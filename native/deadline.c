#include "deadline.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef NODE_DIR
#define NODE_DIR "/var/lib/kubectl-migrate"
#endif

static const double largest = 100;

// 1 where there is none, or none that may be.
static double read_factor(void) {
  char text[32], *end = text;
  int file = open(NODE_DIR "/factor", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0)
    close(file);
  text[length > 0 ? length : 0] = 0;
  double factor = strtod(text, &end);
  return end > text && !*end && factor >= 1 && factor <= largest ? factor : 1;
}

int scaled(int deadline) {
  static double factor;
  if (factor < 1)
    factor = read_factor();
  return (int)(deadline * factor);
}

// The runtime wrapper on a target node. See wrapper.c for what it does.
#ifndef WRAPPER_H
#define WRAPPER_H
#include <stddef.h>

// Which container a bundle is for, as the runtime's client (containerd, CRI-O) tells in its annotations.
struct container {
  int is_container; // 0 for a sandbox
  char namespace_[254], pod[254], uid[254], name[254];
};

// identify.c: 1 when the bundle's config.json could be read, else 0.
int identify(const char *config, size_t length, struct container *out);
#endif

// For the tests alone: identifies many configurations in one process. Reads a 32-bit length and a JSON text, again and
// again; answers each with a line: `-` when it is no JSON, else the five fields in hexadecimal. With an argument as CRI-O wrote them.
#include "wrapper.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void hex(const char *text) {
  for (; *text; text++)
    printf("%02x", (unsigned char)*text);
  putchar(' ');
}

int main(int argc, char **argv) {
  (void)argv;
  uint32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    // Exactly as long as the text, so that a sanitizer sees one byte too much.
    char *text = malloc(length ? length : 1);
    struct container found = {0};
    if (!text || fread(text, 1, length, stdin) != length)
      return 1;
    if (!identify(text, length, argc > 1 ? CRIO : CONTAINERD, &found)) {
      puts("-");
    } else {
      printf("%d ", found.is_container);
      hex(found.namespace_);
      hex(found.pod);
      hex(found.uid);
      hex(found.name);
      putchar('\n');
    }
    free(text);
  }
  return 0;
}

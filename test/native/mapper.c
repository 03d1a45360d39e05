// Writes into a file of one page through a mapping, as it is told, a letter each: `m` maps it, `r` reads, `w` counts its first byte up,
// `u` unmaps it. Says `.` when it is done.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
  volatile char *page = NULL;
  int file = argc == 2 ? open(argv[1], O_RDWR) : -1;
  for (int order; file >= 0 && (order = getchar()) != EOF;) {
    if (order == 'm' && (page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) == MAP_FAILED)
      return 1;
    if (order == 'r')
      (void)page[0];
    if (order == 'w')
      page[0]++;
    if (order == 'u' && munmap((void *)page, 4096))
      return 1;
    putchar('.');
    fflush(stdout);
  }
  return file < 0;
}

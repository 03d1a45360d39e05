// spin FILE: a process and its child, each counting in a shared mapping of FILE without any system call: a single instruction that
// one of them runs shows.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int file = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0644) : -1;
  if (file < 0 || ftruncate(file, 4096))
    return 1;
  volatile unsigned long *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  volatile unsigned long *own = fork() ? count : count + 1;
  for (;;)
    ++*own;
}

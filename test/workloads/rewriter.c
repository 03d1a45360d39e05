// rewriter MB [FILE]: rewrites its memory all the time and checks it: every page carries its number, a generation and a
// sum of both. With FILE the memory is that file, mapped shared. Prints `ok GENERATION SECONDS.MILLIS` for each round, and `TORN`, `LOST` or `STALE` with the page that is wrong.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { words = 4096 / 8 };

struct page {
  uint64_t number, generation, sum, body[words - 3];
};

static uint64_t mix(uint64_t number, uint64_t generation) {
  uint64_t value = number * 0x9E3779B97F4A7C15ULL ^ generation * 0xC2B2AE3D27D4EB4FULL;
  return value ^ value >> 29;
}

static void rewrite(struct page *page, uint64_t number, uint64_t generation) {
  page->number = number;
  page->generation = generation;
  page->sum = mix(number, generation);
  for (int i = 0; i < words - 3; i++)
    page->body[i] = page->sum + (uint64_t)i;
}

static int check(const struct page *page, uint64_t number, uint64_t generation) {
  if (page->number != number)
    return printf("LOST page %lu\n", (unsigned long)number);
  if (page->generation != generation)
    return printf("STALE page %lu: %lu not %lu\n", (unsigned long)number, (unsigned long)page->generation, (unsigned long)generation);
  for (int i = 0; i < words - 3; i++)
    if (page->sum != mix(number, generation) || page->body[i] != page->sum + (uint64_t)i)
      return printf("TORN page %lu\n", (unsigned long)number);
  return 0;
}

int main(int argc, char **argv) {
  uint64_t count = (uint64_t)(argc > 1 ? atoi(argv[1]) : 16) << 8;
  size_t size = count * sizeof(struct page);
  int file = argc > 2 ? open(argv[2], O_RDWR | O_CREAT, 0600) : -1;
  if (file >= 0 && ftruncate(file, (off_t)size))
    return 1;
  int flags = file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  struct page *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
  if (pages == MAP_FAILED)
    return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (uint64_t i = 0; i < count; i++)
    rewrite(&pages[i], i, 0);
  for (uint64_t generation = 1;; generation++) {
    struct timespec now;
    for (uint64_t i = 0; i < count; i++) {
      check(&pages[i], i, generation - 1);
      rewrite(&pages[i], i, generation);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    printf("ok %lu %ld.%03ld\n", (unsigned long)generation, (long)now.tv_sec, now.tv_nsec / 1000000);
  }
}

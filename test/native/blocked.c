// Blocks all signals, as CRIU does for a thread while its own code runs in it.
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  unsigned long all = ~0UL;
  syscall(SYS_rt_sigprocmask, 0, &all, NULL, sizeof all);
  puts("blocked");
  fflush(stdout);
  for (;;)
    usleep(10000);
}

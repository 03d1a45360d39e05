// counter PORT MB: answers every connection with one line and counts the answers in memory only. Holds MB megabytes
// besides, and says with each answer whether they are still as they were.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "80"))};
  size_t words = (size_t)(argc > 2 ? atoi(argv[2]) : 1) << 17;
  unsigned long *memory = malloc(words * sizeof *memory);
  for (size_t i = 0; i < words; i++)
    memory[i] = i * 2654435761UL;
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64))
    return 1;
  for (unsigned long answers = 1;; answers++) {
    int connection = accept(listener, NULL, NULL);
    size_t at = answers * 7919 % words;
    dprintf(connection, "answer %lu, memory %s\n", answers, memory[at] == at * 2654435761UL ? "intact" : "BROKEN");
    close(connection);
  }
}

// listener PORT: listens with MPTCP, as programs in Go do, and tells every connection which it is, and what protocol the
// listener and the connection have (6 is TCP, 262 MPTCP).
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int protocol(int socket) {
  int value = -1;
  getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &value, &(socklen_t){sizeof value});
  return value;
}

int main(int argc, char **argv) {
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "80"))};
  int listener = socket(AF_INET6, SOCK_STREAM, 262);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 64))
    return 1;
  for (int connections = 1;; connections++) {
    int connection = accept(listener, NULL, NULL);
    dprintf(connection, "connection %d, listener %d, connection %d\n", connections, protocol(listener), protocol(connection));
    close(connection);
  }
}

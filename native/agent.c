// A conversation with the target agent, in lines over its socket.
#include "wrapper.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// Through a descriptor, as a socket's path can be longer than its address has room for.
FILE *dial(const char *socket_path, int patience_s) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = patience_s};
  int place = open(socket_path, O_PATH | O_CLOEXEC), connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
  int is_bad = place < 0 || connection < 0 || setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
               connect(connection, (struct sockaddr *)&address, sizeof address);
  if (place >= 0)
    close(place);
  if (is_bad) {
    if (connection >= 0)
      close(connection);
    return NULL;
  }
  return fdopen(connection, "r+");
}

char *answer(FILE *agent) {
  char *line = NULL;
  size_t size = 0;
  fflush(agent);
  ssize_t length = getline(&line, &size, agent);
  if (length <= 0 || line[length - 1] != '\n')
    return NULL;
  line[length - 1] = 0;
  return line;
}

// The relay: whoever comes to a pod that has moved by its old address is led on to where it runs now, until the Services of both
// clusters have followed. Without it a connection that is begun between the end of the old processes and the change of kube-proxy's
// rules gets no answer at all: conntrack keeps it at the old address, and nobody is there.
//
//   relay CLAIM SANDBOX   after the commit, and before the frozen processes are ended. Says `ready N` when it has all that listens in
//                         the pod; with 0 there is nothing to do, and it ends.
//
// It takes over the very sockets at which the frozen processes listen, with those who wait there since the freeze, and needs no rule, no
// module and no program of the node. As long as it has its file `relay` in the claim's folder locked, the runtime wrapper does not let the
// pod's sandbox be ended (native/source.c), which is in that file: so the address is the pod's own until nobody needs it, and is given
// to no other pod meanwhile. All of it goes with this process, whatever becomes of others. Other files of the claim's folder:
//
//   relay-to    addresses of the moved pod as this node reaches them; before that, whoever comes waits
//   relay-over  Services are about to follow: it ends when nobody came for a while, and soon in any case
#include "deadline.h"
#include "freezer.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

enum { listeners_max = 256, pairs_max = 1024, piece = 16384, rounds_max = 8 };
// A command that died leaves a relay that nobody ends.
static const int longest_ms = 60000;
// From `relay-over` on: for so long at least newcomers are let in, then until none came for so long, and in any case for so long.
static const int least_ms = 2000, quiet_ms = 500, most_ms = 4000;
// What is under way by then gets so long to come to its end. A connection that is kept is ended where nobody waits for an answer: at
// first only when nothing was said for quiet_ms, as an answer may come in parts; towards the end after a short pause.
static const int drain_ms = 3000, hasty_ms = 1500, pause_ms = 10;
static const int connect_ms = 3000;
// What has crossed our end on its way gets a reset, as long as the pod's network is there.
static const int linger_ms = 300;

enum kind { LISTENER, CLIENT, SERVER };

// What comes from one end, and was not passed on to the other yet.
struct end {
  enum kind kind;
  int fd;
  unsigned events;
  int is_watched, is_ended, is_passed;
  size_t from, to;
  struct pair *pair;
  char data[piece];
};

struct pair {
  struct end client, server;
  int is_connecting, is_asking;
  long long begun, moved;
  struct pair *next, *before;
};

struct listener {
  enum kind kind;
  int fd;
  ino_t inode;
  int is_paused;
};

static struct listener listeners[listeners_max];
static int listener_count, pair_count, poller, claim, is_over, is_closed;
static struct pair *pairs;
static ino_t network;
static long long over_at, closed_at, last_came;
static struct sockaddr_in to4;
static struct sockaddr_in6 to6;

static int is_known(ino_t inode) {
  int found = 0;
  for (int i = 0; i < listener_count; i++)
    found |= listeners[i].inode == inode;
  return found;
}

static int option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

static ino_t network_of(int fd) {
  struct stat found = {0};
  int its = ioctl(fd, SIOCGSKNS);
  if (its >= 0) {
    fstat(its, &found);
    close(its);
  }
  return found.st_ino;
}

static int is_local(int fd) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &size);
  if (address.ss_family == AF_INET)
    return ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24 == 127;
  const struct in6_addr *six = &((struct sockaddr_in6 *)&address)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

// TCP, or MPTCP, at which others can arrive from outside of the pod.
static int is_wanted(int fd) {
  int domain = option(fd, SO_DOMAIN);
  return option(fd, SO_ACCEPTCONN) == 1 && option(fd, SO_TYPE) == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6) &&
         network_of(fd) == network && !is_local(fd);
}

static int take_sockets(pid_t pid, void *context) {
  (void)context;
  char path[64], link[64];
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR *folder = opendir(path);
  int process = folder ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  for (struct dirent *one; process >= 0 && listener_count < listeners_max && (one = readdir(folder));) {
    unsigned long long inode;
    ssize_t length = readlinkat(dirfd(folder), one->d_name, link, sizeof link - 1);
    link[length > 0 ? length : 0] = 0;
    if (sscanf(link, "socket:[%llu]", &inode) != 1 || is_known((ino_t)inode))
      continue;
    int fd = (int)syscall(SYS_pidfd_getfd, process, atoi(one->d_name), 0);
    if (fd >= 0 && is_wanted(fd))
      listeners[listener_count++] = (struct listener){LISTENER, fd, (ino_t)inode, 0};
    else if (fd >= 0)
      close(fd);
  }
  if (process >= 0)
    close(process);
  if (folder)
    closedir(folder);
  return 0;
}

// The list of what is frozen, as the guard reads it (src/agent/cgroup/frozen-list.ts). 0, or -1.
static int take_all(void) {
  char line[4700], folder[4096], path[64];
  int pid, file = openat(claim, "frozen", O_RDONLY | O_CLOEXEC), net = -1, result = -1;
  FILE *list = file < 0 ? NULL : fdopen(file, "r");
  while (list && fgets(line, sizeof line, list)) {
    struct stat found;
    if (sscanf(line, "%*[^\t]\t%*[^\t]\t%d\t%4095[^\n]", &pid, folder) != 2)
      continue;
    if (net < 0) {
      snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
      net = open(path, O_RDONLY | O_CLOEXEC);
      if (net >= 0 && !fstat(net, &found))
        network = found.st_ino;
    }
    freezer_each(folder, take_sockets, NULL);
  }
  // From within the pod's network: with its address, and by its routes.
  if (net >= 0)
    result = setns(net, CLONE_NEWNET);
  if (net >= 0)
    close(net);
  if (list)
    fclose(list);
  return result;
}

static void watch(struct end *end, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = end};
  if (end->is_watched ? events == end->events : !events)
    return;
  epoll_ctl(poller, end->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->fd, &event);
  end->is_watched = 1, end->events = events;
}

static void drop(struct pair *pair, int is_reset);

// An end from which nothing more is read: the poller would tell for ever that it is broken, or closed to both sides.
static void leave(struct end *end, unsigned events) {
  if (events & EPOLLERR)
    return drop(end->pair, 1);
  epoll_ctl(poller, EPOLL_CTL_DEL, end->fd, NULL);
  end->is_watched = 0, end->events = 0;
}

static void pause_listeners(int is_paused) {
  for (int i = 0; i < listener_count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listeners[i]};
    if (listeners[i].is_paused != is_paused && listeners[i].fd >= 0)
      epoll_ctl(poller, is_paused ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, listeners[i].fd, &event);
    listeners[i].is_paused = is_paused;
  }
}

// With a reset, its end is told from one that came in due course.
static void drop(struct pair *pair, int is_reset) {
  struct linger at_once = {.l_onoff = 1};
  for (int i = 0; i < 2; i++) {
    int fd = i ? pair->server.fd : pair->client.fd;
    if (is_reset)
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
  }
  *(pair->before ? &pair->before->next : &pairs) = pair->next;
  if (pair->next)
    pair->next->before = pair->before;
  free(pair);
  if (pair_count-- == pairs_max && !is_closed)
    pause_listeners(0);
}

static int connect_as(const struct sockaddr *client) {
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)client;
  int is_4 = client->sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
  int takes_4 = to4.sin_family && (is_4 || !to6.sin6_family);
  const struct sockaddr *to = takes_4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6;
  int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, to, takes_4 ? sizeof to4 : sizeof to6) && errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

static void let_in(int listener) {
  struct sockaddr_storage own = {0};
  socklen_t size = sizeof own;
  struct linger at_once = {.l_onoff = 1};
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0)
    return;
  last_came = boot_ms();
  getsockname(client, (struct sockaddr *)&own, &size);
  // The port is at the same place in both.
  to4.sin_port = to6.sin6_port = ((struct sockaddr_in *)&own)->sin_port;
  struct pair *pair = calloc(1, sizeof *pair);
  int server = pair ? connect_as((struct sockaddr *)&own) : -1;
  if (server < 0) {
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(client);
    free(pair);
    return;
  }
  pair->client.kind = CLIENT, pair->client.fd = client, pair->client.pair = pair;
  pair->server.kind = SERVER, pair->server.fd = server, pair->server.pair = pair;
  pair->is_connecting = 1;
  pair->begun = pair->moved = last_came;
  pair->next = pairs;
  if (pairs)
    pairs->before = pair;
  pairs = pair;
  watch(&pair->server, EPOLLOUT);
  if (++pair_count == pairs_max)
    pause_listeners(1);
}

// 0, or -1 when one of them is gone.
static int pass_on(struct end *from, struct end *to) {
  for (int round = 0; round < rounds_max; round++) {
    if (from->from < from->to) {
      ssize_t sent = send(to->fd, from->data + from->from, from->to - from->from, MSG_NOSIGNAL);
      if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
      from->from += (size_t)sent;
      continue;
    }
    if (from->is_ended) {
      if (!from->is_passed)
        shutdown(to->fd, SHUT_WR);
      from->is_passed = 1;
      return 0;
    }
    ssize_t got = recv(from->fd, from->data, piece, 0);
    if (got < 0)
      return errno == EAGAIN || errno == EINTR ? 0 : -1;
    from->from = 0, from->to = (size_t)got;
    from->is_ended = !got;
    from->pair->moved = boot_ms();
    if (got)
      from->pair->is_asking = from->kind == CLIENT;
  }
  return 0;
}

static unsigned wanted(const struct end *end, const struct end *other) {
  return (!end->is_ended && end->from == end->to ? (unsigned)EPOLLIN : 0) | (other->from < other->to ? (unsigned)EPOLLOUT : 0);
}

static void serve(struct pair *pair) {
  if (pair->is_connecting) {
    if (option(pair->server.fd, SO_ERROR))
      return drop(pair, 1);
    pair->is_connecting = 0;
  }
  struct end *client = &pair->client, *server = &pair->server;
  if (pass_on(client, server) || pass_on(server, client))
    return drop(pair, 1);
  if (client->is_passed && server->is_passed)
    return drop(pair, 0);
  watch(client, wanted(client, server));
  watch(server, wanted(server, client));
}

static int is_idle(const struct pair *pair, long long now, int pause) {
  int is_empty = pair->client.from == pair->client.to && pair->server.from == pair->server.to;
  return is_empty && !pair->is_asking && !pair->is_connecting && now - pair->moved >= pause;
}

static void learn_addresses(void) {
  char text[256], *rest = text, *one;
  int file = openat(claim, "relay-to", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0)
    close(file);
  text[length > 0 ? length : 0] = 0;
  while ((one = strtok_r(rest, " \n", &rest))) {
    if (inet_pton(AF_INET, one, &to4.sin_addr) == 1)
      to4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, one, &to6.sin6_addr) == 1)
      to6.sin6_family = AF_INET6;
  }
  if (to4.sin_family || to6.sin6_family)
    pause_listeners(0);
}

// A claim that is taken away has nobody who would tell it.
static int is_told_over(void) {
  struct stat found;
  return !faccessat(claim, "relay-over", F_OK, 0) || fstat(claim, &found) || !found.st_nlink;
}

static void close_listeners(void) {
  // The frozen processes may have the same sockets still: closing ours does not take them out of the poller.
  pause_listeners(1);
  for (int i = 0; i < listener_count; i++)
    close(listeners[i].fd);
  listener_count = 0;
  is_closed = 1, closed_at = boot_ms();
}

// 1 when it is time to go.
static int look_around(long long now, long long latest) {
  if (!to4.sin_family && !to6.sin6_family)
    learn_addresses();
  if (!is_over && is_told_over())
    is_over = 1, over_at = now;
  long long since = is_over ? now - over_at : -1;
  int is_quiet = since >= scaled(least_ms) && now - last_came >= quiet_ms;
  if (!is_closed && (is_quiet || since >= scaled(most_ms) || now >= latest))
    close_listeners();
  for (struct pair *pair = pairs, *next; pair; pair = next) {
    next = pair->next;
    if (pair->is_connecting && now - pair->begun >= scaled(connect_ms))
      drop(pair, 1);
    else if (is_closed && is_idle(pair, now, now - closed_at >= scaled(hasty_ms) ? pause_ms : quiet_ms))
      drop(pair, now - pair->moved < quiet_ms); // more of an answer may be on its way: its end is no due one
  }
  return is_closed && (!pairs || now - closed_at >= scaled(drain_ms) || now >= latest);
}

static void run(void) {
  long long latest = boot_ms() + scaled(longest_ms), looked = 0;
  for (;;) {
    struct epoll_event event;
    // One at a time: what is dealt with may end what came with it.
    int count = epoll_wait(poller, &event, 1, is_closed ? pause_ms : 50);
    if (count == 1 && *(enum kind *)event.data.ptr == LISTENER)
      let_in(((struct listener *)event.data.ptr)->fd);
    else if (count == 1 && event.events & (EPOLLERR | EPOLLHUP) && ((struct end *)event.data.ptr)->is_ended)
      leave(event.data.ptr, event.events);
    else if (count == 1)
      serve(((struct end *)event.data.ptr)->pair);
    long long now = boot_ms();
    if (now - looked < (is_closed ? pause_ms : 50))
      continue;
    looked = now;
    if (look_around(now, latest))
      break;
  }
  while (pairs)
    drop(pairs, 1);
  usleep(linger_ms * 1000);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: relay CLAIM SANDBOX\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  scaled(0);
  claim = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int lock = claim < 0 ? -1 : openat(claim, "relay", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    fprintf(stderr, "relay: %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  if (flock(lock, LOCK_EX | LOCK_NB)) {
    dprintf(STDOUT_FILENO, "busy\n"); // another agent of the migration has started one
    return 0;
  }
  struct rlimit files = {2 * pairs_max + listeners_max + 64, 2 * pairs_max + listeners_max + 64};
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0 || take_all()) {
    fprintf(stderr, "relay: the pod's network: %s\n", strerror(errno));
    return 1;
  }
  for (int i = 0; i < listener_count; i++) {
    fcntl(listeners[i].fd, F_SETFL, O_NONBLOCK);
    listeners[i].is_paused = 1;
  }
  if (listener_count && (ftruncate(lock, 0) || dprintf(lock, "%s\n", argv[2]) < 0)) {
    fprintf(stderr, "relay: %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  dprintf(STDOUT_FILENO, "ready %d\n", listener_count);
  if (listener_count)
    run();
  return 0;
}

// collector ADDRESS: prints `listening PORT`, then for each datagram that arrives there `SECONDS.NANOS SENDER TEXT`, with the kernel's
// own time of arrival, in the order of arrival; `dropped N` when the kernel had no room for so many in all. Ends with its standard input.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void print(const struct sockaddr_in *sender, struct msghdr *message, const char *text) {
  static uint32_t known;
  struct timespec at = {0, 0};
  uint32_t dropped = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET)
      continue;
    if (part->cmsg_type == SO_TIMESTAMPNS)
      memcpy(&at, CMSG_DATA(part), sizeof at);
    if (part->cmsg_type == SO_RXQ_OVFL)
      memcpy(&dropped, CMSG_DATA(part), sizeof dropped);
  }
  if (dropped != known)
    printf("dropped %u\n", known = dropped);
  printf("%ld.%09ld %s %s\n", (long)at.tv_sec, at.tv_nsec, inet_ntoa(sender->sin_addr), text);
}

int main(int argc, char **argv) {
  int receiver = socket(AF_INET, SOCK_DGRAM, 0), one = 1, room = 16 << 20;
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  if (argc < 2 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 || bind(receiver, (struct sockaddr *)&address, length) ||
      getsockname(receiver, (struct sockaddr *)&address, &length) ||
      setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) ||
      setsockopt(receiver, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) || setsockopt(receiver, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one)) {
    perror("collector");
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("listening %d\n", ntohs(address.sin_port));
  for (;;) {
    struct pollfd waiting[] = {{.fd = receiver, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    if (poll(waiting, 2, -1) > 0 && waiting[1].revents)
      return 0;
    char text[1024], control[256];
    struct sockaddr_in sender;
    struct iovec into = {text, sizeof text - 1};
    struct msghdr message = {
        .msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(receiver, &message, 0);
    if (size < 0)
      continue;
    text[size] = 0;
    print(&sender, &message, text);
  }
}

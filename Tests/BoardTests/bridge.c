/* A virtual bus whose chip models are on another machine: bridge SOCKET ADDRESS PORT
 *
 * Listens at a Unix socket as the server of a virtual bus does (docs/simulation.md), and carries each packet over a TCP
 * connection of its own: two bytes of length, the first the higher, then the packet. Runs until it is killed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PACKET = 4096 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int read_whole(int from, unsigned char *bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t some = read(from, bytes + done, count - done);
    if (some <= 0) return 0;
    done += (size_t)some;
  }
  return 1;
}

static void carry(int bus, int line) {
  unsigned char bytes[2 + PACKET];
  for (;;) {
    struct pollfd ends[2] = {{.fd = bus, .events = POLLIN}, {.fd = line, .events = POLLIN}};
    if (poll(ends, 2, -1) < 0) return;
    if (ends[0].revents) {
      ssize_t count = recv(bus, bytes + 2, PACKET, 0);
      if (count <= 0) return;
      bytes[0] = (unsigned char)(count >> 8);
      bytes[1] = (unsigned char)count;
      if (write(line, bytes, 2 + (size_t)count) != 2 + count) return;
    }
    if (ends[1].revents) {
      if (!read_whole(line, bytes, 2)) return;
      size_t count = (size_t)bytes[0] << 8 | bytes[1];
      if (count > PACKET || !read_whole(line, bytes, count)) return;
      if (send(bus, bytes, count, MSG_NOSIGNAL) != (ssize_t)count) return;
    }
  }
}

int main(int count, char **words) {
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  struct sockaddr_in there = {.sin_family = AF_INET};
  if (count != 4 || strlen(words[1]) >= sizeof path.sun_path || inet_pton(AF_INET, words[2], &there.sin_addr) != 1) {
    fputs("usage: bridge SOCKET ADDRESS PORT\n", stderr);
    return 2;
  }
  strcpy(path.sun_path, words[1]);
  there.sin_port = htons((unsigned short)atoi(words[3]));
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  unlink(words[1]);
  int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&path, sizeof path) < 0 || listen(listener, 16) < 0)
    fail(words[1]);
  for (;;) {
    int bus = accept(listener, NULL, NULL);
    if (bus < 0) fail("accept");
    if (fork() == 0) {
      int line = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
      if (line < 0 || connect(line, (struct sockaddr *)&there, sizeof there) < 0) fail("connect");
      setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      carry(bus, line);
      return 0;
    }
    close(bus);
  }
}

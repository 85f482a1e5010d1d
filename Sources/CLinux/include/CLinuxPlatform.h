/* What LinuxPlatform needs of the kernel. Declared here and defined in Platform*.c, so that file offsets
   are 64 bits wide on armhf too, and no kernel structure reaches Swift. Every function returns the call's
   result, or -errno; none blocks longer than its timeout, none is interrupted by a signal. */
#ifndef CLINUX_PLATFORM_H
#define CLINUX_PLATFORM_H

#include <stdint.h>

/* Files. Paths end with NUL. Flags are ours: libc's differ between architectures. */
enum {
  CAIRN_OPEN_READ = 0,
  CAIRN_OPEN_READ_WRITE = 1,
  CAIRN_OPEN_CREATE = 2,
  /* With CAIRN_OPEN_CREATE: it must not exist, not even as a link. */
  CAIRN_OPEN_NEW = 4,
  CAIRN_OPEN_DIRECTORY = 8,
};
int cairn_file_open(const uint8_t *path, int flags, uint32_t mode);
int cairn_file_close(int descriptor);
/* -1 is no error here: how many bytes, or -errno. */
int64_t cairn_file_read(int descriptor, uint8_t *bytes, int64_t count);
int64_t cairn_file_write(int descriptor, const uint8_t *bytes, int64_t count);
int64_t cairn_file_read_at(int descriptor, uint8_t *bytes, int64_t count, uint64_t offset);
int64_t cairn_file_write_at(int descriptor, const uint8_t *bytes, int64_t count, uint64_t offset);
int64_t cairn_file_size(int descriptor);
/* 1 for a regular file, 0 for anything else. */
int cairn_file_is_regular(int descriptor);
/* 1 when the path names this very file. */
int cairn_file_is_at(int descriptor, const uint8_t *path);
/* Which file it is: no other one has both numbers while this one is open. A path is followed as open does. */
struct cairn_file_identity {
  uint64_t device;
  uint64_t inode;
};
int cairn_file_identity(int descriptor, struct cairn_file_identity *identity);
int cairn_file_identity_at(const uint8_t *path, struct cairn_file_identity *identity);
/* The user that owns what stands at the path. */
int64_t cairn_file_owner(const uint8_t *path);
/* Root's file becomes that of whoever owns the folder; anybody else's stays theirs. */
int cairn_file_give_to_folder(int descriptor, const uint8_t *folder);
int cairn_file_exists(const uint8_t *path);
int cairn_file_allocate(int descriptor, uint64_t count);
/* What it does where the file system has no such call: a byte to each block. What the file holds stays. */
int cairn_file_allocate_by_writing(int descriptor, uint64_t count);
int cairn_file_truncate(int descriptor);
int cairn_file_set_mode(int descriptor, uint32_t mode);
int cairn_file_sync(int descriptor);
int cairn_file_sync_data(int descriptor);
/* Exclusive; -EWOULDBLOCK when somebody else holds it. */
int cairn_file_lock(int descriptor);
int cairn_file_rename(const uint8_t *from, const uint8_t *to);
int cairn_file_unlink(const uint8_t *path);
int cairn_file_change_mode(const uint8_t *path, uint32_t mode);

/* The name in a folder that comes next after `previous` in the order of bytes, with its NUL; an empty `previous`
   comes before all. 1, 0 when none comes after it, or -errno. Names of `capacity` bytes or more are passed over. */
int cairn_folder_next(
    const uint8_t *folder, const uint8_t *previous, uint8_t *name, int64_t capacity);

/* Tells whoever started this program (sd_notify(3)). 0 also when nobody asked to be told. */
int cairn_service_notify(const uint8_t *state, int64_t count);

/* A random number, for spreading pauses and not for secrets; 0 when the kernel has none yet. */
uint64_t cairn_random_word(void);

/* Waiting. A negative timeout waits for ever. */
struct cairn_poll_entry {
  int descriptor;
  /* Asked for. */
  int16_t wanted;
  /* What poll said. */
  int16_t happened;
};
enum { CAIRN_POLL_READABLE = 1, CAIRN_POLL_WRITABLE = 2, CAIRN_POLL_ENDED = 4 };
enum { CAIRN_POLL_ENTRIES = 32 };
/* Returns the number of entries with something in `happened`; 0 after the timeout. */
int cairn_poll(struct cairn_poll_entry *entries, int count, int64_t timeout_milliseconds);

/* Folders in which something comes, goes, or changes its mode (inotify(7)). The descriptor is readable then. */
int cairn_watch_new(void);
/* The number of the watch; the same one when the folder is watched already. -ENOTDIR for what is no folder. */
int cairn_watch_add(int descriptor, const uint8_t *folder);
int cairn_watch_remove(int descriptor, int watch);
/* Takes what was told. 1 when anything may have changed, also when the kernel lost count of it; else 0. */
int cairn_watch_take(int descriptor);

/* Clocks, in milliseconds. */
int64_t cairn_clock_boot(void);
int64_t cairn_clock_utc(void);
void cairn_clock_sleep(uint32_t milliseconds);
struct cairn_clock_state {
  int synchronised;
  int64_t estimated_error_microseconds;
  int64_t maximum_error_microseconds;
};
/* What of a correction the kernel has still to make, in microseconds, rounded up: adjtimex(2), offset. It is a part of the
   maximum error of cairn_clock_state. */
int64_t cairn_clock_remaining(int64_t offset, int is_nanoseconds);
int cairn_clock_state(struct cairn_clock_state *state);

/* Signals: SIGTERM and SIGINT no longer end the program but make the descriptor readable. */
int cairn_signal_descriptor(void);
/* The number of a signal that has come, or -EAGAIN. */
int cairn_signal_next(int descriptor);
int cairn_signal_ignore_pipe(void);

/* Bytes that have gone over the network on this TCP connection, both ways, what was sent twice included, with
   72 for the heads of each packet: IPv6 40 and TCP 32 (IPv4 takes 20 less). -errno when it is none. */
int64_t cairn_tcp_wire_bytes(int descriptor);

/* Unix sockets, SOCK_SEQPACKET. */
enum { CAIRN_SOCKET_PATH_BYTES = 108 };
int cairn_socket_new(void);
int cairn_socket_connect(int descriptor, const uint8_t *path);
int cairn_socket_bind(int descriptor, const uint8_t *path);
int cairn_socket_listen(int descriptor, int backlog);
int cairn_socket_accept(int descriptor);
int64_t cairn_socket_send(int descriptor, const uint8_t *bytes, int64_t count);
/* The whole length of the packet, even when it is more than `count`. */
int64_t cairn_socket_receive(int descriptor, uint8_t *bytes, int64_t count);
int cairn_socket_peer(int descriptor, uint32_t *process, uint32_t *user, uint32_t *group);
/* 1 when the path is a socket. */
int cairn_socket_is_at(const uint8_t *path);

/* Terminals: raw, 8 data bits, no parity, 1 stop bit, no flow control. */
int cairn_terminal_configure(int descriptor, uint32_t baud);
int cairn_terminal_set_exclusive(int descriptor, int exclusive);
/* 1 for the slave of a pseudo-terminal, 0 for any other line. */
int cairn_terminal_is_pseudo(int descriptor);
/* A new pseudo-terminal: its master, and its slave's path with NUL. */
int cairn_terminal_new_pair(uint8_t *slave_path, int64_t count);

/* I2C by i2c-dev, opened as a file. */
/* 1 when the adapter carries plain I2C messages, 0 when it is SMBus only, -ENOTTY for anything else than a bus. */
int cairn_i2c_is_plain(int descriptor);
int cairn_i2c_configure(int descriptor, uint32_t timeout_milliseconds);
/* -EBUSY when a kernel driver has the chip. */
int cairn_i2c_select(int descriptor, uint8_t address);
/* Write, read, or write and read after a repeated start; a count of 0 leaves a part out. */
int cairn_i2c_transfer(
    int descriptor, uint8_t address, const uint8_t *written, uint16_t written_count, uint8_t *read,
    uint16_t read_count);

/* SPI by spidev, opened as a file: mode 0, 8 bits a word. What comes back replaces what was sent. */
int cairn_spi_configure(int descriptor, uint32_t speed_hertz);
int cairn_spi_transfer(int descriptor, uint8_t *bytes, uint32_t count, uint32_t speed_hertz);

#endif

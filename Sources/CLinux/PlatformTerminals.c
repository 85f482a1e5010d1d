#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

static int speed_of(uint32_t baud, speed_t *speed) {
  switch (baud) {
    case 4800: *speed = B4800; return 0;
    case 9600: *speed = B9600; return 0;
    case 19200: *speed = B19200; return 0;
    case 38400: *speed = B38400; return 0;
    case 57600: *speed = B57600; return 0;
    case 115200: *speed = B115200; return 0;
    case 230400: *speed = B230400; return 0;
    case 460800: *speed = B460800; return 0;
    case 921600: *speed = B921600; return 0;
    default: return -EINVAL;
  }
}

int cairn_terminal_configure(int descriptor, uint32_t baud) {
  speed_t speed;
  if (speed_of(baud, &speed) < 0) return -EINVAL;
  struct termios settings, taken;
  if (tcgetattr(descriptor, &settings) < 0) return -errno;
  cfmakeraw(&settings);
  settings.c_iflag |= IGNBRK;
  settings.c_iflag &= ~(tcflag_t)(IXOFF | IXANY | INPCK);
  settings.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS | PARENB | HUPCL);
  settings.c_cflag |= CLOCAL | CREAD;
  /* With VMIN 1 a read of a quiet line is EAGAIN, and 0 means that the line has been hung up. */
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  if (cfsetispeed(&settings, speed) < 0 || cfsetospeed(&settings, speed) < 0) return -errno;
  int result;
  do {
    result = tcsetattr(descriptor, TCSANOW, &settings);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  /* tcsetattr succeeds when it could do any part of what was asked (termios(3)). */
  if (tcgetattr(descriptor, &taken) < 0) return -errno;
  if (cfgetospeed(&taken) != speed || (taken.c_lflag & (ICANON | ECHO | ISIG))) return -EINVAL;
  /* What came before is of unknown age, and was received with other settings. */
  return tcflush(descriptor, TCIOFLUSH) < 0 ? -errno : 0;
}

int cairn_terminal_set_exclusive(int descriptor, int exclusive) {
  return ioctl(descriptor, exclusive ? TIOCEXCL : TIOCNXCL) < 0 ? -errno : 0;
}

/* Unix98 slaves have the major numbers 136 to 143 (kernel documentation, admin-guide/devices). */
int cairn_terminal_is_pseudo(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) < 0) return -errno;
  return S_ISCHR(status.st_mode) && major(status.st_rdev) >= 136 && major(status.st_rdev) <= 143;
}

int cairn_terminal_new_pair(uint8_t *slave_path, int64_t count) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (master < 0) return -errno;
  int error = 0;
  if (grantpt(master) < 0 || unlockpt(master) < 0) error = errno;
  if (error == 0) error = ptsname_r(master, (char *)slave_path, (size_t)count);
  if (error == 0) return master;
  close(master);
  return -error;
}

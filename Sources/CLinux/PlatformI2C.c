#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Buses have the major number 89 (kernel documentation, admin-guide/devices): no other device is asked what an
   I2C bus is asked. */
int cairn_i2c_is_plain(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) < 0) return -errno;
  if (!S_ISCHR(status.st_mode) || major(status.st_rdev) != 89) return -ENOTTY;
  unsigned long functions = 0;
  if (ioctl(descriptor, I2C_FUNCS, &functions) < 0) return -errno;
  return (functions & I2C_FUNC_I2C) != 0;
}

/* I2C_TIMEOUT counts in 10 ms. Both settings are the adapter's, so the last program that sets them wins. */
int cairn_i2c_configure(int descriptor, uint32_t timeout_milliseconds) {
  if (ioctl(descriptor, I2C_TIMEOUT, (unsigned long)((timeout_milliseconds + 9) / 10)) < 0)
    return -errno;
  return ioctl(descriptor, I2C_RETRIES, 0UL) < 0 ? -errno : 0;
}

int cairn_i2c_select(int descriptor, uint8_t address) {
  return ioctl(descriptor, I2C_SLAVE, (unsigned long)address) < 0 ? -errno : 0;
}

int cairn_i2c_transfer(
    int descriptor, uint8_t address, const uint8_t *written, uint16_t written_count, uint8_t *read,
    uint16_t read_count) {
  struct i2c_msg messages[2];
  struct i2c_rdwr_ioctl_data transfer = {.msgs = messages, .nmsgs = 0};
  if (written_count > 0 || read_count == 0)
    messages[transfer.nmsgs++] = (struct i2c_msg){
        .addr = address, .flags = 0, .len = written_count, .buf = (uint8_t *)written};
  if (read_count > 0)
    messages[transfer.nmsgs++] =
        (struct i2c_msg){.addr = address, .flags = I2C_M_RD, .len = read_count, .buf = read};
  return ioctl(descriptor, I2C_RDWR, &transfer) < 0 ? -errno : 0;
}

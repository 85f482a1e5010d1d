#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <errno.h>
#include <linux/spi/spidev.h>
#include <string.h>
#include <sys/ioctl.h>

int cairn_spi_configure(int descriptor, uint32_t speed_hertz) {
  uint8_t mode = SPI_MODE_0;
  uint8_t bits = 8;
  if (ioctl(descriptor, SPI_IOC_WR_MODE, &mode) < 0) return -errno;
  if (ioctl(descriptor, SPI_IOC_WR_BITS_PER_WORD, &bits) < 0) return -errno;
  return ioctl(descriptor, SPI_IOC_WR_MAX_SPEED_HZ, &speed_hertz) < 0 ? -errno : 0;
}

int cairn_spi_transfer(int descriptor, uint8_t *bytes, uint32_t count, uint32_t speed_hertz) {
  struct spi_ioc_transfer transfer;
  memset(&transfer, 0, sizeof transfer);
  transfer.tx_buf = (uintptr_t)bytes;
  transfer.rx_buf = (uintptr_t)bytes;
  transfer.len = count;
  transfer.speed_hz = speed_hertz;
  transfer.bits_per_word = 8;
  return ioctl(descriptor, SPI_IOC_MESSAGE(1), &transfer) < 0 ? -errno : 0;
}

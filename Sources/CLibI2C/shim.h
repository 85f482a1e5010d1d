/* libi2c speaks SMBus, on a descriptor whose address was set by I2C_SLAVE. Its functions return -errno. */
#ifndef CLIBI2C_H
#define CLIBI2C_H

#include <stdint.h>
#include <i2c/smbus.h>

/* S addr R [ack] byte [nack] P. Returns the byte. */
static inline int cairn_smbus_receive_byte(int descriptor) {
  return i2c_smbus_read_byte(descriptor);
}

/* S addr W [ack] byte [ack] P */
static inline int cairn_smbus_send_byte(int descriptor, uint8_t byte) {
  return i2c_smbus_write_byte(descriptor, byte);
}

/* S addr W [ack] P: only whether it acknowledges. */
static inline int cairn_smbus_quick(int descriptor) { return i2c_smbus_write_quick(descriptor, 0); }

/* S addr W [ack] command [ack] byte [ack] … P, 1 to 32 bytes. */
static inline int cairn_smbus_write_block(
    int descriptor, uint8_t command, const uint8_t *bytes, uint8_t count) {
  return i2c_smbus_write_i2c_block_data(descriptor, command, count, bytes);
}

/* S addr W [ack] command [ack] Sr addr R [ack] byte [ack] … byte [nack] P, 1 to 32 bytes.
   Returns how many came. */
static inline int cairn_smbus_read_block(
    int descriptor, uint8_t command, uint8_t *bytes, uint8_t count) {
  return i2c_smbus_read_i2c_block_data(descriptor, command, count, bytes);
}

#endif

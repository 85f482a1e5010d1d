/* libqrencode: QR codes (ISO/IEC 18004). */
#ifndef CAIRN_CQRENCODE_H
#define CAIRN_CQRENCODE_H

#include <errno.h>
#include <qrencode.h>
#include <stdint.h>

/* The modules of a code for these bytes, row by row, 1 for a dark one, error correction M. Returns how many a side has,
   or -E2BIG when the code has more than `capacity` of them, or -errno. libqrencode allocates, and has it all back. */
static inline int cairn_qr_encode(const uint8_t *bytes, int count, uint8_t *modules, int capacity) {
  if (!bytes || !modules) return -EINVAL;
  QRcode *code = QRcode_encodeData(count, bytes, 0, QR_ECLEVEL_M);
  if (!code) return errno != 0 ? -errno : -EINVAL;
  int width = code->width;
  int result = width <= 0 || width > 177 || width * width > capacity ? -E2BIG : width;
  for (int i = 0; result > 0 && i < width * width; i++) modules[i] = code->data[i] & 1;
  QRcode_free(code);
  return result;
}

#endif

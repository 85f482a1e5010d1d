/* libusb-1.0: one stick, opened and claimed. Functions return 0 or a count, or libusb's negative code. No timeout
   is ever 0, which libusb takes for "no end". */
#ifndef CLIBUSB_SHIM_H
#define CLIBUSB_SHIM_H

#include <libusb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CAIRN_USB_TEXT_BYTES = 64, CAIRN_USB_PORTS = 7, CAIRN_USB_DEVICES = 64 };
enum { CAIRN_USB_ARRIVED = 1, CAIRN_USB_LEFT = 2 };

struct cairn_usb {
  libusb_context *context;
  libusb_device_handle *handle;
  libusb_hotplug_callback_handle callback;
  int has_callback;
  int happened;
};

struct cairn_usb_device {
  uint16_t vendor;
  uint16_t product;
  uint8_t bus;
  uint8_t address;
  /* LIBUSB_SPEED_… */
  uint8_t speed;
  uint8_t port_count;
  uint8_t ports[CAIRN_USB_PORTS];
  /* 0 when serial and product could be asked for, else why not. */
  int text_error;
  /* As the device sent them, not cleaned. */
  uint8_t serial_count;
  uint8_t product_count;
  uint8_t serial[CAIRN_USB_TEXT_BYTES];
  uint8_t product_text[CAIRN_USB_TEXT_BYTES];
};

static inline int LIBUSB_CALL cairn_usb_happened(
    libusb_context *context, libusb_device *device, libusb_hotplug_event event, void *user) {
  (void)context;
  (void)device;
  struct cairn_usb *usb = (struct cairn_usb *)user;
  usb->happened |=
      event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED ? CAIRN_USB_ARRIVED : CAIRN_USB_LEFT;
  return 0;
}

/* Starts the library. NULL when it can't; `code` says why. */
static inline struct cairn_usb *cairn_usb_create(int *code) {
  struct cairn_usb *usb = (struct cairn_usb *)calloc(1, sizeof *usb);
  if (usb == NULL) {
    *code = LIBUSB_ERROR_NO_MEM;
    return NULL;
  }
  *code = libusb_init(&usb->context);
  if (*code < 0) {
    free(usb);
    return NULL;
  }
  return usb;
}

/* From here on arrivals and departures of these devices are told by cairn_usb_pump. Without hot-plug, or in a
   sandbox that hides it, the caller looks again by itself. */
static inline int cairn_usb_watch(struct cairn_usb *usb, uint16_t vendor, uint16_t product) {
  if (!libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG)) return LIBUSB_ERROR_NOT_SUPPORTED;
  int code = libusb_hotplug_register_callback(
      usb->context, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
      LIBUSB_HOTPLUG_NO_FLAGS, vendor, product, LIBUSB_HOTPLUG_MATCH_ANY, cairn_usb_happened, usb,
      &usb->callback);
  usb->has_callback = code == LIBUSB_SUCCESS;
  return code;
}

/* What has happened since the last call: CAIRN_USB_ARRIVED, CAIRN_USB_LEFT, both or 0. Does not wait. */
static inline int cairn_usb_pump(struct cairn_usb *usb) {
  struct timeval none = {0, 0};
  int code = libusb_handle_events_timeout_completed(usb->context, &none, NULL);
  if (code < 0 && code != LIBUSB_ERROR_INTERRUPTED) return code;
  int happened = usb->happened;
  usb->happened = 0;
  return happened;
}

static inline void cairn_usb_close(struct cairn_usb *usb) {
  if (usb->handle == NULL) return;
  (void)libusb_release_interface(usb->handle, 0);
  libusb_close(usb->handle);
  usb->handle = NULL;
}

static inline void cairn_usb_destroy(struct cairn_usb *usb) {
  cairn_usb_close(usb);
  if (usb->has_callback) libusb_hotplug_deregister_callback(usb->context, usb->callback);
  libusb_exit(usb->context);
  free(usb);
}

/* libusb bounds each of the two questions by a second. */
static inline void cairn_usb_texts(
    libusb_device *device, const struct libusb_device_descriptor *descriptor,
    struct cairn_usb_device *out) {
  libusb_device_handle *handle = NULL;
  out->text_error = libusb_open(device, &handle);
  if (out->text_error < 0) return;
  int count = 0;
  if (descriptor->iSerialNumber != 0)
    count = libusb_get_string_descriptor_ascii(
        handle, descriptor->iSerialNumber, out->serial, CAIRN_USB_TEXT_BYTES);
  out->serial_count = count > 0 ? (uint8_t)count : 0;
  if (count < 0) out->text_error = count;
  count = 0;
  if (descriptor->iProduct != 0)
    count = libusb_get_string_descriptor_ascii(
        handle, descriptor->iProduct, out->product_text, CAIRN_USB_TEXT_BYTES);
  out->product_count = count > 0 ? (uint8_t)count : 0;
  libusb_close(handle);
}

/* Fills in what can be known of one device; `texts` opens it for its serial number. */
static inline int cairn_usb_describe(
    libusb_device *device, int texts, struct cairn_usb_device *out) {
  struct libusb_device_descriptor descriptor;
  int code = libusb_get_device_descriptor(device, &descriptor);
  if (code < 0) return code;
  memset(out, 0, sizeof *out);
  out->vendor = descriptor.idVendor;
  out->product = descriptor.idProduct;
  out->bus = libusb_get_bus_number(device);
  out->address = libusb_get_device_address(device);
  out->speed = (uint8_t)libusb_get_device_speed(device);
  int ports = libusb_get_port_numbers(device, out->ports, CAIRN_USB_PORTS);
  out->port_count = ports > 0 ? (uint8_t)ports : 0;
  if (texts) cairn_usb_texts(device, &descriptor, out);
  return 0;
}

/* Lists devices with these ids, or all for vendor 0. Returns how many there are, which may be more than
   `capacity`; that many are filled in. */
static inline int cairn_usb_list(
    struct cairn_usb *usb, uint16_t vendor, uint16_t product, int texts,
    struct cairn_usb_device *out, int capacity) {
  libusb_device **list = NULL;
  ssize_t count = libusb_get_device_list(usb->context, &list);
  if (count < 0) return (int)count;
  int found = 0;
  for (ssize_t i = 0; i < count; i++) {
    struct libusb_device_descriptor descriptor;
    if (libusb_get_device_descriptor(list[i], &descriptor) < 0) continue;
    if (vendor != 0 && (descriptor.idVendor != vendor || descriptor.idProduct != product)) continue;
    if (found < capacity && cairn_usb_describe(list[i], texts, &out[found]) < 0) continue;
    found++;
  }
  libusb_free_device_list(list, 1);
  return found;
}

/* The name of the kernel driver that has interface 0, from /sys; its length, 0 when none can be told. */
static inline int cairn_usb_driver(
    const struct cairn_usb_device *device, uint8_t *name, int capacity) {
  char path[96];
  char target[256];
  int used = snprintf(path, sizeof path, "/sys/bus/usb/devices/%d", device->bus);
  for (int i = 0; i < device->port_count && used < (int)sizeof path - 24; i++)
    used += snprintf(path + used, sizeof path - (size_t)used, i == 0 ? "-%d" : ".%d",
                     device->ports[i]);
  snprintf(path + used, sizeof path - (size_t)used, ":1.0/driver");
  ssize_t count = readlink(path, target, sizeof target - 1);
  if (count <= 0) return 0;
  target[count] = 0;
  const char *last = strrchr(target, '/');
  last = last == NULL ? target : last + 1;
  int length = (int)strlen(last);
  if (length > capacity) length = capacity;
  memcpy(name, last, (size_t)length);
  return length;
}

/* Opens the device at a place of a list and claims its interface 0. LIBUSB_ERROR_BUSY when a kernel driver or
   another program has it; -1 is then not its place, see cairn_usb_driver. */
static inline int cairn_usb_open(struct cairn_usb *usb, uint8_t bus, uint8_t address) {
  cairn_usb_close(usb);
  libusb_device **list = NULL;
  ssize_t count = libusb_get_device_list(usb->context, &list);
  if (count < 0) return (int)count;
  int code = LIBUSB_ERROR_NO_DEVICE;
  for (ssize_t i = 0; i < count; i++) {
    if (libusb_get_bus_number(list[i]) != bus || libusb_get_device_address(list[i]) != address)
      continue;
    code = libusb_open(list[i], &usb->handle);
    break;
  }
  libusb_free_device_list(list, 1);
  if (code < 0) {
    usb->handle = NULL;
    return code;
  }
  code = libusb_kernel_driver_active(usb->handle, 0) == 1 ? LIBUSB_ERROR_BUSY
                                                          : libusb_claim_interface(usb->handle, 0);
  if (code < 0) {
    libusb_close(usb->handle);
    usb->handle = NULL;
  }
  return code;
}

/* One bulk transfer. Returns the number of bytes that went over, or the code; with a code nothing counts. */
static inline int cairn_usb_bulk(
    struct cairn_usb *usb, uint8_t endpoint, uint8_t *bytes, int count,
    uint32_t timeout_milliseconds) {
  if (usb->handle == NULL) return LIBUSB_ERROR_NO_DEVICE;
  int moved = 0;
  int code = libusb_bulk_transfer(
      usb->handle, endpoint, bytes, count, &moved,
      timeout_milliseconds == 0 ? 1 : timeout_milliseconds);
  return code < 0 ? code : moved;
}

static inline int cairn_usb_clear_halt(struct cairn_usb *usb, uint8_t endpoint) {
  return usb->handle == NULL ? LIBUSB_ERROR_NO_DEVICE : libusb_clear_halt(usb->handle, endpoint);
}

/* Resets the port. LIBUSB_ERROR_NOT_FOUND: the device has come up as another one and must be looked for. */
static inline int cairn_usb_reset(struct cairn_usb *usb) {
  return usb->handle == NULL ? LIBUSB_ERROR_NO_DEVICE : libusb_reset_device(usb->handle);
}

#endif

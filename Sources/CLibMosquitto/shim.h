/* libmosquitto: MQTT 5 for uplink and gateway, without threads: whoever owns a client steps it.
   Written against 2.0.11 (2021-06), which Debian 12 has. Callbacks are C: they note what happened in one
   structure, and keep a copy of each message until it is taken. */
#ifndef CLIBMOSQUITTO_SHIM_H
#define CLIBMOSQUITTO_SHIM_H

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* What `cairn_mqtt_step` says beside libmosquitto's own codes. */
#define CAIRN_MQTT_STOPPED (-100)
/* Nothing has come yet. */
#define CAIRN_MQTT_PENDING (-1)

/* A message as it came, owned by whoever took it. Absent texts are empty. */
struct cairn_mqtt_message {
  struct cairn_mqtt_message *next;
  char *topic;
  uint8_t *payload;
  int payload_count;
  int is_retained;
  char *content_type;
  char *response_topic;
  uint8_t *correlation;
  int correlation_count;
  /* Of the user properties "status" and "retry-after": decimal digits, else -1. */
  long long status;
  long long retry_after;
};

/* Messages that wait to be taken: a loop takes them after each step. */
#define CAIRN_MQTT_INBOX 64

struct cairn_mqtt {
  struct mosquitto *client;
  struct cairn_mqtt_message *first, **end;
  int waiting;
  /* Longer payloads are dropped. */
  int maximum_payload;
  /* Messages that were dropped: too long, or too many at once. */
  int dropped;
  /* Reason codes of MQTT 5, or CAIRN_MQTT_PENDING. */
  int connect_reason;
  int subscribe_reason;
  int publish_reason;
  /* Which publication `publish_reason` is about. */
  int published;
  /* The library's last words about something that went wrong. */
  char words[256];
};

static inline long long cairn_mqtt_decimal(const char *text) {
  long long value = 0;
  if (text == NULL || *text == 0) return -1;
  for (int count = 0; text[count] != 0; count++) {
    if (count == 10 || text[count] < '0' || text[count] > '9') return -1;
    value = value * 10 + (text[count] - '0');
  }
  return value;
}

static inline void cairn_mqtt_read_pairs(const mosquitto_property *list,
                                         struct cairn_mqtt_message *message) {
  char *name = NULL, *value = NULL;
  int is_next = 0;
  while ((list = mosquitto_property_read_string_pair(
            list, MQTT_PROP_USER_PROPERTY, &name, &value, is_next)) != NULL) {
    is_next = 1;
    if (name != NULL && strcmp(name, "status") == 0) message->status = cairn_mqtt_decimal(value);
    if (name != NULL && strcmp(name, "retry-after") == 0)
      message->retry_after = cairn_mqtt_decimal(value);
    free(name);
    free(value);
    name = value = NULL;
  }
}

static inline void cairn_mqtt_drop(struct cairn_mqtt_message *message) {
  free(message->topic);
  free(message->payload);
  free(message->content_type);
  free(message->response_topic);
  free(message->correlation);
  free(message);
}

static inline void cairn_mqtt_on_message(struct mosquitto *client, void *object,
                                         const struct mosquitto_message *came,
                                         const mosquitto_property *list) {
  struct cairn_mqtt *mqtt = object;
  struct cairn_mqtt_message *message = NULL;
  void *correlation = NULL;
  uint16_t correlation_count = 0;
  (void)client;
  if (came->payloadlen <= mqtt->maximum_payload && mqtt->waiting < CAIRN_MQTT_INBOX)
    message = calloc(1, sizeof *message);
  if (message == NULL || (message->topic = strdup(came->topic)) == NULL
      || (message->payload = malloc((size_t)came->payloadlen + 1)) == NULL) {
    if (message != NULL) cairn_mqtt_drop(message);
    mqtt->dropped++;
    return;
  }
  if (came->payloadlen > 0) memcpy(message->payload, came->payload, (size_t)came->payloadlen);
  message->payload_count = came->payloadlen;
  message->is_retained = came->retain;
  message->status = message->retry_after = -1;
  mosquitto_property_read_string(list, MQTT_PROP_CONTENT_TYPE, &message->content_type, false);
  mosquitto_property_read_string(list, MQTT_PROP_RESPONSE_TOPIC, &message->response_topic, false);
  mosquitto_property_read_binary(
    list, MQTT_PROP_CORRELATION_DATA, &correlation, &correlation_count, false);
  message->correlation = correlation;
  message->correlation_count = correlation_count;
  cairn_mqtt_read_pairs(list, message);
  *mqtt->end = message;
  mqtt->end = &message->next;
  mqtt->waiting++;
}

/* The oldest message that waits, which is the caller's then; NULL without one. */
static inline struct cairn_mqtt_message *cairn_mqtt_take(struct cairn_mqtt *mqtt) {
  struct cairn_mqtt_message *message = mqtt->first;
  if (message == NULL) return NULL;
  mqtt->first = message->next;
  if (mqtt->first == NULL) mqtt->end = &mqtt->first;
  mqtt->waiting--;
  return message;
}

static inline void cairn_mqtt_on_connect(struct mosquitto *client, void *object, int reason,
                                         int flags, const mosquitto_property *list) {
  (void)client, (void)flags, (void)list;
  ((struct cairn_mqtt *)object)->connect_reason = reason;
}

static inline void cairn_mqtt_on_subscribe(struct mosquitto *client, void *object, int id,
                                           int count, const int *granted,
                                           const mosquitto_property *list) {
  int worst = 0;
  (void)client, (void)id, (void)list;
  for (int index = 0; index < count; index++)
    if (granted[index] > worst) worst = granted[index];
  ((struct cairn_mqtt *)object)->subscribe_reason = worst;
}

static inline void cairn_mqtt_on_publish(struct mosquitto *client, void *object, int id,
                                         int reason, const mosquitto_property *list) {
  struct cairn_mqtt *mqtt = object;
  (void)client, (void)list;
  mqtt->published = id;
  mqtt->publish_reason = reason;
}

static inline void cairn_mqtt_on_log(struct mosquitto *client, void *object, int level,
                                     const char *text) {
  struct cairn_mqtt *mqtt = object;
  (void)client;
  if (!(level & (MOSQ_LOG_ERR | MOSQ_LOG_WARNING))) return;
  strncpy(mqtt->words, text, sizeof mqtt->words - 1);
}

static inline void cairn_mqtt_free(struct cairn_mqtt *mqtt) {
  struct cairn_mqtt_message *message;
  if (mqtt->client != NULL) mosquitto_destroy(mqtt->client);
  while ((message = cairn_mqtt_take(mqtt)) != NULL) cairn_mqtt_drop(message);
  free(mqtt);
}

/* NULL without memory. */
static inline struct cairn_mqtt *cairn_mqtt_create(const char *client_id, int maximum_payload) {
  struct cairn_mqtt *mqtt = calloc(1, sizeof *mqtt);
  if (mqtt == NULL) return NULL;
  mqtt->end = &mqtt->first;
  mqtt->maximum_payload = maximum_payload;
  if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS
      || (mqtt->client = mosquitto_new(client_id, true, mqtt)) == NULL
      || mosquitto_int_option(mqtt->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
           != MOSQ_ERR_SUCCESS) {
    cairn_mqtt_free(mqtt);
    return NULL;
  }
  mosquitto_int_option(mqtt->client, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_connect_v5_callback_set(mqtt->client, cairn_mqtt_on_connect);
  mosquitto_subscribe_v5_callback_set(mqtt->client, cairn_mqtt_on_subscribe);
  mosquitto_publish_v5_callback_set(mqtt->client, cairn_mqtt_on_publish);
  mosquitto_message_v5_callback_set(mqtt->client, cairn_mqtt_on_message);
  mosquitto_log_callback_set(mqtt->client, cairn_mqtt_on_log);
  return mqtt;
}

/* TLS with the certificate and the host's name verified. NULL: the authorities of the system. */
static inline int cairn_mqtt_use_tls(struct cairn_mqtt *mqtt, const char *authorities) {
  if (authorities != NULL)
    return mosquitto_tls_set(mqtt->client, authorities, NULL, NULL, NULL, NULL);
  return mosquitto_int_option(mqtt->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
}

static inline void cairn_mqtt_forget(struct cairn_mqtt *mqtt) {
  mqtt->connect_reason = mqtt->subscribe_reason = mqtt->publish_reason = CAIRN_MQTT_PENDING;
  mqtt->words[0] = 0;
}

/* What a name server gets that does not answer: libmosquitto looks names up by getaddrinfo, which asks each of
   at most three servers so often and waits so long (resolv.conf(5)). What the environment says already wins.
   Before there are threads. */
static inline int cairn_mqtt_bound_lookups(void) {
  return setenv("RES_OPTIONS", "timeout:3 attempts:2", 0);
}

/* Begins to connect, without waiting for anything but a name server. `maximum_packet`: a broker sends no
   larger one. The library takes properties of a connection that is begun without waiting from its last
   waiting one: that one is refused here for its missing host, after it has taken them. */
static inline int cairn_mqtt_begin(struct cairn_mqtt *mqtt, const char *host, int port,
                                   int keep_alive, uint32_t maximum_packet) {
  mosquitto_property *list = NULL;
  cairn_mqtt_forget(mqtt);
  int code = mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE, maximum_packet);
  if (code == MOSQ_ERR_SUCCESS) {
    code = mosquitto_connect_bind_v5(mqtt->client, NULL, port, keep_alive, NULL, list);
    if (code == MOSQ_ERR_INVAL) code = MOSQ_ERR_SUCCESS;
  }
  mosquitto_property_free_all(&list);
  if (code != MOSQ_ERR_SUCCESS) return code;
  code = mosquitto_connect_bind_async(mqtt->client, host, port, keep_alive, NULL);
  return code == MOSQ_ERR_CONN_PENDING ? MOSQ_ERR_SUCCESS : code;
}

/* The third may be empty. */
static inline int cairn_mqtt_subscribe(struct cairn_mqtt *mqtt, const char *first,
                                       const char *second, const char *third) {
  char *filters[] = {(char *)first, (char *)second, (char *)third};
  mqtt->subscribe_reason = CAIRN_MQTT_PENDING;
  return mosquitto_subscribe_multiple(
    mqtt->client, NULL, third[0] == 0 ? 2 : 3, filters, 1, MQTT_SUB_OPT_SEND_RETAIN_NEVER, NULL);
}

/* A message with quality of service 1. Absent texts are NULL; a status or time of -1 is left out. */
struct cairn_mqtt_publication {
  const char *topic;
  const uint8_t *payload;
  int payload_count;
  const char *content_type;
  const char *response_topic;
  const uint8_t *correlation;
  int correlation_count;
  const char *status;
  const char *retry_after;
  uint32_t expiry_seconds;
};

static inline int cairn_mqtt_publish(struct cairn_mqtt *mqtt,
                                     const struct cairn_mqtt_publication *message, int *id) {
  mosquitto_property *list = NULL;
  int code = mosquitto_property_add_int32(
    &list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, message->expiry_seconds);
  if (code == 0 && message->content_type != NULL)
    code = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, message->content_type);
  if (code == 0 && message->response_topic != NULL)
    code = mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, message->response_topic);
  if (code == 0 && message->correlation_count > 0)
    code = mosquitto_property_add_binary(
      &list, MQTT_PROP_CORRELATION_DATA, message->correlation,
      (uint16_t)message->correlation_count);
  if (code == 0 && message->status != NULL)
    code = mosquitto_property_add_string_pair(
      &list, MQTT_PROP_USER_PROPERTY, "status", message->status);
  if (code == 0 && message->retry_after != NULL)
    code = mosquitto_property_add_string_pair(
      &list, MQTT_PROP_USER_PROPERTY, "retry-after", message->retry_after);
  mqtt->publish_reason = CAIRN_MQTT_PENDING;
  if (code == 0)
    code = mosquitto_publish_v5(
      mqtt->client, id, message->topic, message->payload_count, message->payload, 1, false, list);
  mosquitto_property_free_all(&list);
  return code;
}

/* Waits until there is something to do, at most so long, and does it. `stop` (-1: none) is looked at only:
   CAIRN_MQTT_STOPPED while it is readable. */
static inline int cairn_mqtt_step(struct cairn_mqtt *mqtt, int stop, int milliseconds) {
  int code = mosquitto_loop_misc(mqtt->client);
  int descriptor = mosquitto_socket(mqtt->client);
  if (code != MOSQ_ERR_SUCCESS) return code;
  if (descriptor < 0) return MOSQ_ERR_NO_CONN;
  struct pollfd entries[2] = {
    {.fd = descriptor, .events = POLLIN | (mosquitto_want_write(mqtt->client) ? POLLOUT : 0)},
    {.fd = stop, .events = POLLIN}};
  /* Interrupted: as if nothing had happened. */
  if (poll(entries, 2, milliseconds) <= 0) return MOSQ_ERR_SUCCESS;
  if (entries[1].revents != 0) return CAIRN_MQTT_STOPPED;
  if (entries[0].revents & POLLOUT) code = mosquitto_loop_write(mqtt->client, 1);
  if (code == MOSQ_ERR_SUCCESS && (entries[0].revents & ~POLLOUT))
    code = mosquitto_loop_read(mqtt->client, 1);
  return code;
}

/* A step's arguments in one, for whoever guards it. */
struct cairn_mqtt_turn {
  struct cairn_mqtt *mqtt;
  int stop;
  int milliseconds;
};

static inline int cairn_mqtt_take_turn(void *turn) {
  const struct cairn_mqtt_turn *arguments = turn;
  return cairn_mqtt_step(arguments->mqtt, arguments->stop, arguments->milliseconds);
}

/* Milliseconds of the clock that goes on while the machine sleeps. */
static inline int64_t cairn_mqtt_now(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 1 when all of them are random. */
static inline int cairn_mqtt_random(void *bytes, size_t count) {
  return getrandom(bytes, count, 0) == (ssize_t)count;
}

#endif

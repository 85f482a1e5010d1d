/* libcurl: HTTPS for the uplink. Variadic calls get typed inline wrappers here. */
#include <curl/curl.h>

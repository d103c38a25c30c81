/* SPDX-License-Identifier: Apache-2.0 */
/* The server's half: names below /objects/ to descriptors of objects. */
#include "unicast.h"

#include <stdlib.h>
#include <string.h>

struct serving {
    const struct slipway_serve_host *host;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* Exactly 64 lower-case digits: one object has one URL, or a cache would keep
 * it twice. */
static int parse_name(const char *text,
                      unsigned char name[SLIPWAY_OBJECT_NAME_BYTES])
{
    if (strlen(text) != 2 * SLIPWAY_OBJECT_NAME_BYTES)
        return -1;
    for (unsigned i = 0; i < SLIPWAY_OBJECT_NAME_BYTES; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        name[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

static void answer_object(void *arg, const char *rest,
                          const struct slipway_endpoint *peer,
                          struct slipway_http_answer *answer)
{
    const struct serving *serving = arg;
    unsigned char name[SLIPWAY_OBJECT_NAME_BYTES];
    uint64_t length = 0;
    int fd = -1;

    (void)peer;
    if (parse_name(rest, name) == 0)
        fd = serving->host->object_fd(serving->host, name, &length);
    if (fd < 0) {
        answer->status = 404;
        answer->text = "This server does not hold an object of that name.\n";
        return;
    }
    answer->status = 200;
    answer->immutable = 1;
    answer->fd = (uint64_t)fd;
    answer->length = length;
}

int unicast_serve_start(const struct slipway_serve_host *host,
                        void **ret_instance)
{
    struct serving *serving;
    int code;

    if (!SLIPWAY_HAS(host, struct slipway_serve_host, http_mount) ||
        !SLIPWAY_HAS(host, struct slipway_serve_host, object_fd) ||
        !SLIPWAY_HAS(host, struct slipway_serve_host, drained))
        return SLIPWAY_EUNSUPPORTED;
    serving = calloc(1, sizeof(*serving));
    if (!serving)
        return SLIPWAY_EINTERNAL;
    serving->host = host;
    code = host->http_mount(host, OBJECTS_PATH, answer_object, serving);
    if (code) {
        free(serving);
        return code;
    }
    *ret_instance = serving;
    return SLIPWAY_OK;
}

/* The host owns the answers that are on their way and waits for them. */
void unicast_serve_drain(void *instance)
{
    const struct serving *serving = instance;

    serving->host->drained(serving->host);
}

void unicast_serve_stop(void *instance)
{
    free(instance);
}

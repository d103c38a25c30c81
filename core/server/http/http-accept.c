/* SPDX-License-Identifier: Apache-2.0 */
/* The Accept header: see http-accept.h. */
#include "core/server/http/http-accept.h"

#include <string.h>
#include <strings.h>

#define LIKED 1000 /* q=1 */

/* One element of the header: "text/html;level=1;q=0.5". */
struct range {
    const char *text;
    size_t length; /* of type and subtype */
    unsigned liking; /* q in thousandths */
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* "0.5" as 500; what is no weight counts as 1, as if it were not there. */
static unsigned parse_weight(const char *text)
{
    unsigned value = 0, place = 100;
    if (*text == '1')
        return LIKED;
    if (*text++ != '0')
        return LIKED;
    if (*text++ != '.')
        return 0;
    for (; place > 0 && *text >= '0' && *text <= '9'; text++, place /= 10)
        value += (unsigned)(*text - '0') * place;
    return value;
}

/* Reads one element and returns where the next begins. */
static const char *next_range(const char *at, struct range *ret)
{
    at = skip_blanks(at);
    ret->text = at;
    ret->length = strcspn(at, ",; \t");
    ret->liking = LIKED;
    at = skip_blanks(at + ret->length);
    while (*at == ';') {
        at = skip_blanks(at + 1);
        if (strncasecmp(at, "q=", 2) == 0)
            ret->liking = parse_weight(at + 2);
        at += strcspn(at, ",;");
    }
    at += strcspn(at, ",");
    return *at ? at + 1 : at;
}

/* How narrowly the element names the type: 0 = not at all, 1 = as any type, 2 =
 * by its first half, 3 = exactly. */
static unsigned closeness(const struct range *range, const char *type)
{
    size_t half = strcspn(type, "/") + 1;
    if (range->length == strlen(type) &&
        strncasecmp(range->text, type, range->length) == 0)
        return 3;
    if (range->length == half + 1 && range->text[half] == '*' &&
        strncasecmp(range->text, type, half) == 0)
        return 2;
    return range->length == 3 && strncmp(range->text, "*/*", 3) == 0;
}

static unsigned liking_of(const char *header, const char *type)
{
    unsigned liking = 0, closest = 0;
    while (*header) {
        struct range range;
        header = next_range(header, &range);
        unsigned close = closeness(&range, type);
        if (close > closest) {
            closest = close;
            liking = range.liking;
        }
    }
    return liking;
}

size_t http_accept_best(const char *header, const char *const types[],
                        size_t count)
{
    size_t best = 0;
    unsigned most = 0;
    for (size_t i = 0; header && i < count; i++) {
        unsigned liking = liking_of(header, types[i]);
        if (liking > most) {
            most = liking;
            best = i;
        }
    }
    return best;
}

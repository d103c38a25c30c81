/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/http-head.h"

#include <string.h>
#include <strings.h>

#include "core/util/num.h"

size_t http_head_length(const void *data, size_t length)
{
    const char *end = memmem(data, length, "\r\n\r\n", 4);

    return end ? (size_t)(end - (const char *)data) + 4 : 0;
}

/* A slice of the head. */
struct part {
    const char *at;
    size_t length;
};

static bool part_is(struct part part, const char *word)
{
    return part.length == strlen(word) &&
           strncasecmp(part.at, word, part.length) == 0;
}

static struct part part_trim(struct part part)
{
    while (part.length && (*part.at == ' ' || *part.at == '\t')) {
        part.at++;
        part.length--;
    }
    while (part.length && (part.at[part.length - 1] == ' ' ||
                           part.at[part.length - 1] == '\t'))
        part.length--;
    return part;
}

static int part_number(struct part part, uint64_t *ret)
{
    char text[24];

    if (part.length == 0 || part.length >= sizeof(text))
        return -1;
    memcpy(text, part.at, part.length);
    text[part.length] = '\0';
    return num_parse_u64(text, 0, INT64_MAX, ret, NULL);
}

static int parse_status_line(struct part line, struct http_head *head,
                             struct err *err)
{
    uint64_t status;

    if (line.length < 12 || strncmp(line.at, "HTTP/1.", 7) != 0 ||
        (line.at[7] != '0' && line.at[7] != '1') || line.at[8] != ' ' ||
        part_number((struct part){line.at + 9, 3}, &status) != 0 ||
        status < 100 || (line.length > 12 && line.at[12] != ' '))
        return err_set(err, ERR_INVALID,
                       "the answer does not begin like an HTTP/1 answer");
    head->status = (unsigned)status;
    head->keep_alive = line.at[7] == '1';
    return 0;
}

static int parse_length(struct part value, struct http_head *head,
                        struct err *err)
{
    uint64_t length;

    if (part_number(value, &length) != 0 ||
        (head->has_length && head->length != length))
        return err_set(err, ERR_INVALID,
                       "the answer has a Content-Length that is not valid");
    head->has_length = true;
    head->length = length;
    return 0;
}

/* "bytes 5-9/10"; an unsatisfied range ("bytes *" "/10") says nothing. */
static int parse_range(struct part value, struct http_head *head,
                       struct err *err)
{
    const char *dash;

    if (value.length > 7 && strncasecmp(value.at, "bytes *", 7) == 0)
        return 0;
    if (value.length > 6 && strncasecmp(value.at, "bytes ", 6) == 0) {
        value.at += 6;
        value.length -= 6;
        dash = memchr(value.at, '-', value.length);
        if (dash &&
            part_number((struct part){value.at, (size_t)(dash - value.at)},
                        &head->range_start) == 0) {
            head->has_range = true;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID,
                   "the answer has a Content-Range that is not valid");
}

static void parse_connection(struct part value, struct http_head *head)
{
    while (value.length) {
        const char *comma = memchr(value.at, ',', value.length);
        size_t used = comma ? (size_t)(comma - value.at) : value.length;
        struct part word = part_trim((struct part){value.at, used});

        if (part_is(word, "close"))
            head->keep_alive = false;
        else if (part_is(word, "keep-alive"))
            head->keep_alive = true;
        if (comma)
            used++;
        value.at += used;
        value.length -= used;
    }
}

static int parse_field(struct part line, struct http_head *head,
                       struct err *err)
{
    const char *colon = memchr(line.at, ':', line.length);
    struct part name;
    struct part value;

    if (!colon || colon == line.at)
        return err_set(err, ERR_INVALID,
                       "the answer has a header line without a name");
    name = (struct part){line.at, (size_t)(colon - line.at)};
    value = part_trim(
        (struct part){colon + 1, line.length - (size_t)(colon + 1 - line.at)});
    if (part_is(name, "content-length"))
        return parse_length(value, head, err);
    if (part_is(name, "content-range"))
        return parse_range(value, head, err);
    if (part_is(name, "transfer-encoding"))
        return err_set(err, ERR_UNSUPPORTED,
                       "the answer comes in a transfer coding, without its "
                       "length; a cache on the way must pass the length on");
    if (part_is(name, "connection"))
        parse_connection(value, head);
    return 0;
}

int http_head_parse(const char *text, size_t length, struct http_head *ret,
                    struct err *err)
{
    struct http_head head = {0};
    bool first = true;
    int code;

    while (length) {
        const char *end = memmem(text, length, "\r\n", 2);
        struct part line = {text, end ? (size_t)(end - text) : length};

        if (line.length == 0)
            break;
        code = first ? parse_status_line(line, &head, err)
                     : parse_field(line, &head, err);
        if (code)
            return code;
        first = false;
        text += line.length + (end ? 2 : 0);
        length -= line.length + (end ? 2 : 0);
    }
    if (first)
        return err_set(err, ERR_INVALID, "the answer has no status line");
    *ret = head;
    return 0;
}

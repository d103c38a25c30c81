/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/http-response.h"

#include <string.h>
#include <strings.h>

#include "core/util/num.h"

/* Chunk sizes and trailers: lines that are counted and short. */
#define LINE_MAX_BYTES 8192
#define LINES_MAX 100

void http_reader_init(struct http_response_reader *reader,
                      size_t max_body_bytes, bool is_head)
{
    memset(reader, 0, sizeof(*reader));
    buf_init(&reader->response.head, HTTP_HEAD_MAX);
    buf_init(&reader->response.body, max_body_bytes);
    buf_init(&reader->line, LINE_MAX_BYTES);
    reader->is_head = is_head;
}

void http_reader_done(struct http_response_reader *reader)
{
    buf_done(&reader->response.head);
    buf_done(&reader->response.body);
    buf_done(&reader->line);
}

const char *http_response_header(const struct http_response *response,
                                 const char *name)
{
    const char *at = buf_text(&response->head);
    const char *end = at + response->head.length;
    size_t length = strlen(name);

    for (at += strlen(at) + 1; at < end; at += strlen(at) + 1)
        if (strncasecmp(at, name, length) == 0 && at[length] == ':')
            return at + length + 1 + strspn(at + length + 1, " \t");
    return NULL;
}

/* Moves one line into reader->line: 1 = complete (and without its end), 0 =
 * more has to come. */
static int take_line(struct http_response_reader *reader, const uint8_t *data,
                     size_t length, size_t *used, struct err *err)
{
    const uint8_t *end = memchr(data + *used, '\n', length - *used);
    size_t part = end ? (size_t)(end - data) - *used : length - *used;

    if (buf_append(&reader->line, data + *used, part) < 0)
        return err_set(err, ERR_TOO_BIG,
                       "the server's answer has a line above %d bytes",
                       LINE_MAX_BYTES);
    *used += part + (end ? 1 : 0);
    if (!end)
        return 0;
    if (++reader->lines > LINES_MAX)
        return err_set(err, ERR_TOO_BIG,
                       "the server's answer has more than %d header lines",
                       LINES_MAX);
    struct buf *line = &reader->line;
    if (line->length > 0 && line->data[line->length - 1] == '\r')
        line->data[--line->length] = '\0';
    if (line->length > 0 && memchr(line->data, '\0', line->length))
        return err_set(err, ERR_CORRUPT,
                       "the server's answer has a NUL byte in its head");
    return 1;
}

static int parse_status(struct http_response_reader *reader, struct err *err)
{
    const char *line = buf_text(&reader->line);
    char digits[4] = "";
    uint64_t status;

    if (reader->line.length < 12 ||
        (strncmp(line, "HTTP/1.1 ", 9) != 0 &&
         strncmp(line, "HTTP/1.0 ", 9) != 0) ||
        (line[12] != ' ' && line[12] != '\0'))
        return err_set(err, ERR_CORRUPT, "the server does not answer in HTTP");
    memcpy(digits, line + 9, 3);
    if (num_parse_u64(digits, 100, 599, &status, NULL) < 0)
        return err_set(err, ERR_CORRUPT, "the server does not answer in HTTP");
    reader->response.status = (unsigned)status;
    reader->response.keep_alive = line[7] == '1';
    return 0;
}

static bool header_lists(const char *value, const char *word)
{
    size_t length = strlen(word);

    while (value && *value) {
        value += strspn(value, " \t,");
        size_t part = strcspn(value, " \t,;");
        if (part == length && strncasecmp(value, word, length) == 0)
            return true;
        value += strcspn(value, ",");
    }
    return false;
}

/* RFC 9112, 6.3: how the body ends. */
static int begin_body(struct http_response_reader *reader, struct err *err)
{
    struct http_response *response = &reader->response;
    const char *coding = http_response_header(response, "Transfer-Encoding");
    const char *length = http_response_header(response, "Content-Length");
    const char *connection = http_response_header(response, "Connection");

    if (header_lists(connection, "close"))
        response->keep_alive = false;
    if (reader->is_head || response->status == 204 || response->status == 304) {
        reader->phase = HTTP_COMPLETE;
        return 0;
    }
    if (coding) {
        /* Both at once is how responses are smuggled. */
        if (length || strcasecmp(coding, "chunked") != 0)
            return err_set(err, ERR_CORRUPT,
                           "the server's answer has an unclear length");
        reader->phase = HTTP_CHUNK_SIZE;
        return 0;
    }
    if (!length) {
        response->keep_alive = false;
        reader->phase = HTTP_BODY_TO_END;
        return 0;
    }
    if (num_parse_u64(length, 0, INT64_MAX, &reader->left, NULL) < 0)
        return err_set(err, ERR_CORRUPT,
                       "the server's answer has an unclear length");
    if (reader->left > response->body.max)
        return err_set(err, ERR_TOO_BIG,
                       "the server's answer has %llu bytes where at most %zu "
                       "are accepted",
                       (unsigned long long)reader->left, response->body.max);
    reader->phase = reader->left > 0 ? HTTP_BODY_LENGTH : HTTP_COMPLETE;
    return 0;
}

static int feed_head(struct http_response_reader *reader, const uint8_t *data,
                     size_t length, size_t *used, struct err *err)
{
    struct http_response *response = &reader->response;
    int code = take_line(reader, data, length, used, err);

    if (code <= 0)
        return code;
    bool first = response->head.length == 0;
    bool blank = reader->line.length == 0;
    if (first && parse_status(reader, err) < 0)
        return ERR_CORRUPT;
    if (!blank && (buf_append(&response->head, reader->line.data,
                              reader->line.length) < 0 ||
                   buf_append_byte(&response->head, 0) < 0))
        return err_set(err, ERR_TOO_BIG,
                       "the server's answer has a head above %d bytes",
                       HTTP_HEAD_MAX);
    buf_clear(&reader->line);
    if (!blank)
        return 0;
    if (response->status >= 200)
        return begin_body(reader, err);
    buf_clear(&response->head); /* 1xx: the real answer follows */
    return 0;
}

static int feed_chunk_size(struct http_response_reader *reader,
                           const uint8_t *data, size_t length, size_t *used,
                           struct err *err)
{
    int code = take_line(reader, data, length, used, err);

    if (code <= 0)
        return code;
    char digits[17] = "";
    size_t count = strcspn(buf_text(&reader->line), "; \t");
    reader->lines = 0; /* chunks are bounded by the body's maximum */
    if (count == 0 || count >= sizeof(digits))
        return err_set(err, ERR_CORRUPT, "the server sent a damaged chunk");
    memcpy(digits, reader->line.data, count);
    buf_clear(&reader->line);
    if (num_parse_hex(digits, INT64_MAX, &reader->left, NULL) < 0)
        return err_set(err, ERR_CORRUPT, "the server sent a damaged chunk");
    reader->phase = reader->left > 0 ? HTTP_CHUNK_DATA : HTTP_TRAILER;
    return 0;
}

static int feed_line_end(struct http_response_reader *reader,
                         const uint8_t *data, size_t length, size_t *used,
                         struct err *err)
{
    int code = take_line(reader, data, length, used, err);

    if (code <= 0)
        return code;
    bool blank = reader->line.length == 0;
    buf_clear(&reader->line);
    if (reader->phase == HTTP_TRAILER) {
        if (blank)
            reader->phase = HTTP_COMPLETE;
        return 0;
    }
    if (!blank)
        return err_set(err, ERR_CORRUPT, "the server sent a damaged chunk");
    reader->phase = HTTP_CHUNK_SIZE;
    return 0;
}

static int feed_body(struct http_response_reader *reader, const uint8_t *data,
                     size_t length, size_t *used, struct err *err)
{
    size_t part = length - *used;

    if (reader->phase != HTTP_BODY_TO_END && part > reader->left)
        part = (size_t)reader->left;
    if (buf_append(&reader->response.body, data + *used, part) < 0)
        return err_set(err, ERR_TOO_BIG,
                       "the server's answer has more than %zu bytes",
                       reader->response.body.max);
    *used += part;
    if (reader->phase == HTTP_BODY_TO_END)
        return 0;
    reader->left -= part;
    if (reader->left == 0)
        reader->phase =
            reader->phase == HTTP_CHUNK_DATA ? HTTP_CHUNK_END : HTTP_COMPLETE;
    return 0;
}

int http_reader_feed(struct http_response_reader *reader, const uint8_t *data,
                     size_t length, size_t *ret_used, struct err *err)
{
    size_t used = 0;
    int code = 0;

    while (code == 0 && used < length && reader->phase != HTTP_COMPLETE) {
        switch (reader->phase) {
        case HTTP_HEAD:
            code = feed_head(reader, data, length, &used, err);
            break;
        case HTTP_CHUNK_SIZE:
            code = feed_chunk_size(reader, data, length, &used, err);
            break;
        case HTTP_CHUNK_END:
        case HTTP_TRAILER:
            code = feed_line_end(reader, data, length, &used, err);
            break;
        case HTTP_BODY_LENGTH:
        case HTTP_BODY_TO_END:
        case HTTP_CHUNK_DATA:
            code = feed_body(reader, data, length, &used, err);
            break;
        case HTTP_COMPLETE:
            break;
        }
    }
    *ret_used = used;
    return code;
}

int http_reader_end(struct http_response_reader *reader, struct err *err)
{
    if (reader->phase == HTTP_BODY_TO_END)
        reader->phase = HTTP_COMPLETE;
    if (reader->phase == HTTP_COMPLETE)
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "the server closed the connection in the middle of its "
                   "answer");
}

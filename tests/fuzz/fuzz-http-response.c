/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's answer as an engine reads it: whole and cut in two, both readings
 * agree, and what is kept stays within its bounds.
 */
#include <assert.h>
#include <string.h>

#include "core/wire/http-response.h"

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_cut(struct http_response_reader *reader, const uint8_t *data,
                    size_t size, size_t cut)
{
    size_t used = 0;
    int code = http_reader_feed(reader, data, cut, &used, NULL);

    assert(used <= cut);
    if (code == 0 && used == cut)
        code = http_reader_feed(reader, data + cut, size - cut, &used, NULL);
    if (code == 0)
        code = http_reader_end(reader, NULL);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response_reader whole, parts;

    http_reader_init(&whole, BODY_MAX, false);
    http_reader_init(&parts, BODY_MAX, false);
    int first = read_cut(&whole, data, size, 0);
    int second = read_cut(&parts, data, size, size / 2);
    /* Limits may be met at another byte; whether it is accepted may not. */
    assert((first == 0) == (second == 0));
    if (first == 0) {
        assert(whole.response.status == parts.response.status);
        assert(whole.response.body.length == parts.response.body.length);
        assert(whole.response.body.length <= BODY_MAX);
        (void)http_response_header(&whole.response, "Slipway-Signature");
    }
    http_reader_done(&whole);
    http_reader_done(&parts);
    return 0;
}

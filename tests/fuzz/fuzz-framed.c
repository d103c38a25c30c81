/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A framed export as the command line reads it, in one piece and byte by byte:
 * both readings agree, and what is to be written ascends.
 */
#include <assert.h>
#include <string.h>

#include "core/cli/framed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_bytes(void *arg, const void *data, size_t length,
                       uint64_t offset, struct err *err)
{
    uint64_t *end = arg;

    (void)data;
    (void)err;
    assert(offset >= *end && offset < UINT64_MAX - length);
    *end = offset + length;
    return 0;
}

static bool feed(struct framed *f, const uint8_t *data, size_t size,
                 size_t step)
{
    for (size_t at = 0; at < size; at += step)
        if (!framed_take(f, (const char *)data + at,
                         size - at < step ? size - at : step))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t ends[2] = {0};
    struct framed at_once = {.write = write_bytes, .arg = &ends[0]};
    struct framed bytewise = {.write = write_bytes, .arg = &ends[1]};

    if (framed_init(&at_once, 0, NULL) == 0 &&
        framed_init(&bytewise, 0, NULL) == 0) {
        assert(feed(&at_once, data, size, size ? size : 1) ==
               feed(&bytewise, data, size, 1));
        assert(at_once.state == bytewise.state && ends[0] == ends[1]);
        assert(at_once.err.code == bytewise.err.code);
        assert(at_once.done_bytes <= at_once.offset);
        assert(strcmp(at_once.sentence, bytewise.sentence) == 0);
        if (at_once.state == FRAMED_WHOLE)
            assert(digest_equal(&at_once.came, &bytewise.came));
    }
    framed_done(&at_once);
    framed_done(&bytewise);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which media type a client gets (RFC 9110 section 12.5.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/server/http/http-accept.h"
#include "core/util/macros.h"

static const char *const types[] = {"application/json", "text/html",
                                    "text/plain"};

struct sample {
    const char *header;
    size_t best;
};

static const struct sample samples[] = {
    {NULL, 0},
    {"", 0},
    {"*/*", 0},
    {"text/html", 1},
    {"TEXT/HTML", 1},
    {"text/*", 1},
    /* A browser. */
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 1},
    {"text/plain", 2},
    {"text/plain, */*;q=0.1", 2},
    {"text/html;q=0.5, text/plain;q=0.6", 2},
    {"text/html;q=0, */*", 0},
    {"application/json;q=0.2, text/*;q=0.3", 1},
    {"text/*;q=0.9, text/html;q=0.1", 2}, /* the closer one counts */
    {"text/html;level=1;q=0.1, application/json;q=0.2", 0},
    {" text/plain ; q=1.0 ", 2},
    {"image/png", 0}, /* none fits: the first */
    {"application/json;q=0, text/plain;q=0.001", 2},
    {",,;;q=,text/plain", 2},
    {"text/html;q=7", 1},
    {"*", 0},
    {"text/", 0},
    {"text/html;q=0.9999999999999", 1},
};

static void test_best(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(samples); i++) {
        size_t best = http_accept_best(samples[i].header, types,
                                       ARRAY_LENGTH(types));
        if (best != samples[i].best)
            fail_msg("'%s' gets %s", samples[i].header, types[best]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

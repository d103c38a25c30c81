/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM 2.0 answers when it is asked who made it.  That a real one is
 * asked, tests/vm/inventory.sh shows. */
#include "plugins/action/inventory/tpm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What libtpms answers (swtpm 0.7.1). */
static const uint8_t answer[] = {
    0x80, 0x01, 0, 0, 0, 83, 0, 0, 0,   0,           /* header */
    1,    0,    0, 0, 6, 0,  0, 0, 8,                /* more, capability, 8 */
    0,    0,    1, 5, 'I', 'B', 'M', 0,              /* manufacturer */
    0,    0,    1, 6, 'S', 'W', ' ', ' ',            /* model */
    0,    0,    1, 7, ' ', 'T', 'P', 'M',            /* ... */
    0,    0,    1, 8, 0,   0,   0,   0,              /* ... */
    0,    0,    1, 9, 0,   0,   0,   0,              /* ... */
    0,    0,    1, 10, 0,  0,   0,   1,              /* type */
    0,    0,    1, 11, 0x20, 0x19, 0x10, 0x23,       /* firmware */
    0,    0,    1, 12, 0x00, 0x16, 0x36, 0x36,       /* ... */
};

static void an_answer_names_the_maker(void **state)
{
    struct tpm_maker maker;
    (void)state;
    assert_int_equal(sizeof(answer), TPM_ANSWER_BYTES);
    assert_int_equal(tpm_parse(answer, sizeof(answer), &maker), 0);
    assert_string_equal(maker.manufacturer, "IBM");
    assert_string_equal(maker.model, "SW   TPM");
    assert_string_equal(maker.firmware, "8217.4131.22.13878");
}

static void letters_that_nobody_can_print_are_marked(void **state)
{
    struct tpm_maker maker;
    uint8_t odd[sizeof(answer)];
    (void)state;
    memcpy(odd, answer, sizeof(odd));
    odd[19 + 4] = 0x1b;
    odd[27 + 5] = 0xff;
    assert_int_equal(tpm_parse(odd, sizeof(odd), &maker), 0);
    assert_string_equal(maker.manufacturer, "?BM");
    assert_string_equal(maker.model, "S?   TPM");
}

static void a_refusal_names_nobody(void **state)
{
    static const uint8_t refusal[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 1, 0};
    struct tpm_maker maker = {.model = "untouched"};
    uint8_t failed[sizeof(answer)];
    (void)state;
    assert_int_equal(tpm_parse(refusal, sizeof(refusal), &maker), -1);
    memcpy(failed, answer, sizeof(failed));
    failed[9] = 1; /* the result */
    assert_int_equal(tpm_parse(failed, sizeof(failed), &maker), -1);
    assert_string_equal(maker.model, "untouched");
}

static void a_count_beyond_the_answer_is_refused(void **state)
{
    struct tpm_maker maker;
    uint8_t odd[sizeof(answer)];
    (void)state;
    memcpy(odd, answer, sizeof(odd));
    odd[18] = 9;
    assert_int_equal(tpm_parse(odd, sizeof(odd), &maker), -1);
    odd[15] = 0x20; /* times eight it would be small again */
    odd[18] = 0;
    assert_int_equal(tpm_parse(odd, sizeof(odd), &maker), -1);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof(answer); length++) {
        /* On the heap and exact, so that a sanitizer sees any overrun. */
        uint8_t *cut = malloc(length + 1);
        struct tpm_maker maker;
        assert_non_null(cut);
        memcpy(cut, answer, length);
        assert_int_equal(tpm_parse(cut, length, &maker), -1);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_names_the_maker),
        cmocka_unit_test(letters_that_nobody_can_print_are_marked),
        cmocka_unit_test(a_refusal_names_nobody),
        cmocka_unit_test(a_count_beyond_the_answer_is_refused),
        cmocka_unit_test(every_cut_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changed ranges: sorted, joined, and never fewer bytes than were written. */
#include "core/engine/change/ranges.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/util/json.h"

static bool told(const json_t *list, uint64_t at)
{
    size_t i;
    const json_t *pair;
    json_array_foreach(list, i, pair)
    {
        uint64_t start = (uint64_t)json_integer_value(json_array_get(pair, 0));
        uint64_t length = (uint64_t)json_integer_value(json_array_get(pair, 1));
        if (at >= start && at - start < length)
            return true;
    }
    return false;
}

static void neighbours_become_one(void **state)
{
    struct change_ranges ranges = {NULL, 0, 0, false};
    (void)state;
    change_ranges_add(&ranges, 4096, 4096);
    change_ranges_add(&ranges, 100, 28);
    change_ranges_add(&ranges, 8192, 1);
    change_ranges_add(&ranges, 5000, 10);
    change_ranges_add(&ranges, 9000, 0); /* nothing */
    AUTO_JSON *list = change_ranges_json(&ranges);
    AUTO_FREE char *text = json_text(list);
    assert_string_equal(text, "[[100,28],[4096,4097]]");
    change_ranges_done(&ranges);
}

static void nothing_is_an_empty_list(void **state)
{
    struct change_ranges ranges = {NULL, 0, 0, false};
    (void)state;
    AUTO_JSON *list = change_ranges_json(&ranges);
    assert_non_null(list);
    assert_int_equal(json_array_size(list), 0);
}

static void too_many_are_joined_and_none_is_lost(void **state)
{
    struct change_ranges ranges = {NULL, 0, 0, false};
    const uint64_t step = 3 * 4096, count = 200000;
    (void)state;
    for (uint64_t i = 0; i < count; i++)
        change_ranges_add(&ranges, (i * 7919 % count) * step, 512);
    AUTO_JSON *list = change_ranges_json(&ranges);
    assert_non_null(list);
    assert_in_range(json_array_size(list), 1, CHANGE_RANGES_MAX);
    for (uint64_t i = 0; i < count; i += 97) {
        assert_true(told(list, i * step));
        assert_true(told(list, i * step + 511));
    }
    change_ranges_done(&ranges);
}

static void what_was_not_kept_is_not_told(void **state)
{
    struct change_ranges ranges = {NULL, 0, 0, true};
    (void)state;
    assert_null(change_ranges_json(&ranges));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_become_one),
        cmocka_unit_test(nothing_is_an_empty_list),
        cmocka_unit_test(too_many_are_joined_and_none_is_lost),
        cmocka_unit_test(what_was_not_kept_is_not_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

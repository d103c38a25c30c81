/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's chain: every change of it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/audit.h"
#include "core/util/buf.h"
#include "core/util/sim.h"

#define PATH "/audit.log"

static void record_some(struct audit *audit, int count)
{
    struct err err = ERR_INIT;
    for (int i = 0; i < count; i++)
        assert_int_equal(audit_record(audit, "token 'ci'", "host.create",
                                      "host 1",
                                      json_pack("{s:i}", "index", i), &err),
                         0);
}

static void read_log(const struct seam *seam, struct buf *ret)
{
    int handle;
    struct err err = ERR_INIT;
    assert_int_equal(seam->log_open(seam->context, PATH, &handle, &err), 0);
    assert_int_equal(seam->log_read(seam->context, handle, ret, &err), 0);
    seam->log_close(seam->context, handle);
}

static void write_log(const struct seam *seam, const char *text, size_t length)
{
    int handle;
    struct err err = ERR_INIT;
    assert_int_equal(seam->log_open(seam->context, PATH, &handle, &err), 0);
    assert_int_equal(
        seam->log_rewrite(seam->context, handle, text, length, &err), 0);
    seam->log_close(seam->context, handle);
}

static void test_goes_on_after_a_restart(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *seam = sim_host(sim, "192.0.2.1");
    struct audit *audit;
    struct err err = ERR_INIT;
    bool more;
    (void)state;
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 3);
    audit_close(audit);
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 2);
    json_t *list = audit_list(audit, 1, 3, &more, &err);
    assert_int_equal(json_array_size(list), 3);
    assert_true(more);
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(list, 0), "number")), 2);
    json_decref(list);
    list = audit_list(audit, 4, 10, &more, &err);
    assert_int_equal(json_array_size(list), 1);
    assert_false(more);
    json_decref(list);
    audit_close(audit);
    sim_free(sim);
}

static void test_every_flipped_byte_is_found(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *seam = sim_host(sim, "192.0.2.1");
    struct audit *audit;
    struct err err = ERR_INIT;
    AUTO_BUF text = BUF_INIT(65536);
    struct digest head, other;
    (void)state;
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 3);
    audit_close(audit);
    read_log(seam, &text);
    assert_int_equal(audit_verify((char *)text.data, text.length, NULL, &head,
                                  NULL, &err), 0);
    /* A change of the last line alone shows in the head that was told. */
    for (size_t i = 0; i < text.length; i++) {
        size_t end;
        text.data[i] ^= 1;
        int code = audit_verify((char *)text.data, text.length, NULL, &other,
                                &end, &err);
        if (code == 0 && end == text.length && digest_equal(&head, &other))
            fail_msg("a flip of byte %zu was not found", i);
        text.data[i] ^= 1;
    }
    sim_free(sim);
}

static void test_a_missing_line_is_found(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *seam = sim_host(sim, "192.0.2.1");
    struct audit *audit;
    struct err err = ERR_INIT;
    AUTO_BUF text = BUF_INIT(65536);
    (void)state;
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 3);
    audit_close(audit);
    read_log(seam, &text);
    char *second = strchr((char *)text.data, '\n') + 1;
    char *third = strchr(second, '\n') + 1;
    size_t rest = strlen(third);
    memmove(second, third, rest);
    write_log(seam, (char *)text.data,
              (size_t)(second - (char *)text.data) + rest);
    assert_int_equal(audit_open(seam, PATH, &audit, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "line 2"));
    sim_free(sim);
}

static void test_half_a_line_is_put_aside(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *seam = sim_host(sim, "192.0.2.1");
    struct audit *audit;
    struct err err = ERR_INIT;
    AUTO_BUF text = BUF_INIT(65536);
    bool more;
    (void)state;
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 2);
    audit_close(audit);
    read_log(seam, &text);
    write_log(seam, (char *)text.data, text.length - 20);
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 1);
    json_t *list = audit_list(audit, 0, 10, &more, &err);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    audit_close(audit);
    sim_free(sim);
}

static void test_a_failed_write_changes_nothing(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *seam = sim_host(sim, "192.0.2.1");
    struct audit *audit;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    record_some(audit, 1);
    sim_fail_files(sim, 1);
    assert_int_not_equal(audit_record(audit, "a", "b", "c", NULL, &err), 0);
    record_some(audit, 1);
    audit_close(audit);
    assert_int_equal(audit_open(seam, PATH, &audit, &err), 0);
    audit_close(audit);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_after_a_restart),
        cmocka_unit_test(test_every_flipped_byte_is_found),
        cmocka_unit_test(test_a_missing_line_is_found),
        cmocka_unit_test(test_half_a_line_is_put_aside),
        cmocka_unit_test(test_a_failed_write_changes_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

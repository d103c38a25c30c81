/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every store plugin must do, one promise after the other.  Runs against
 * the plugin named in $SLIPWAY_STORE (default sqlite); $SLIPWAY_STORE_LOCATION
 * is where it keeps its data (default: files in the test's folder).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugin/store-driver.h"

static struct driver d;
static char location[512];
static unsigned tests_run;

static int open_fresh(void **state)
{
    (void)state;
    const char *dir = getenv("SLIPWAY_STORE_LOCATION");
    const char *own = getenv("TEST_DIR");
    const char *name = getenv("SLIPWAY_STORE");
    (void)snprintf(location, sizeof(location), "%s/store-%u",
                   dir   ? dir
                   : own ? own
                         : "/tmp",
                   tests_run++);
    if (!own)
        (void)remove(location);
    return driver_open(&d, driver_plugin(name ? name : "sqlite"), location);
}

static int close_it(void **state)
{
    (void)state;
    driver_close(&d);
    return 0;
}

static void reopen(void)
{
    const struct slipway_store_plugin *plugin = d.plugin;
    driver_close(&d);
    assert_int_equal(driver_open(&d, plugin, location), 0);
}

static void check_value(const char *key, const char *value)
{
    assert_int_equal(driver_get(&d, key), SLIPWAY_STORE_OK);
    assert_string_equal(d.answer.items[0].key, key);
    assert_string_equal(d.answer.items[0].value, value);
    assert_int_equal(d.answer.items[0].length, strlen(value));
}

static void test_put_get_delete(void **state)
{
    (void)state;
    assert_int_equal(driver_get(&d, "/v1/a"), SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_put(&d, "/v1/a", "one"), SLIPWAY_STORE_OK);
    uint64_t created = d.answer.revision;
    assert_true(created >= 1);
    check_value("/v1/a", "one");
    assert_int_equal(d.answer.items[0].create_revision, created);
    assert_int_equal(d.answer.items[0].revision, created);
    assert_int_equal(d.answer.items[0].lease, 0);
    assert_int_equal(driver_put(&d, "/v1/a", "two"), SLIPWAY_STORE_OK);
    assert_true(d.answer.revision > created);
    uint64_t changed = d.answer.revision;
    check_value("/v1/a", "two");
    assert_int_equal(d.answer.items[0].create_revision, created);
    assert_int_equal(d.answer.items[0].revision, changed);
    assert_int_equal(driver_delete(&d, "/v1/a"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_get(&d, "/v1/a"), SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_delete(&d, "/v1/a"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_put(&d, "/v1/a", ""), SLIPWAY_STORE_OK);
    uint64_t again = d.answer.revision;
    check_value("/v1/a", "");
    assert_int_equal(d.answer.items[0].create_revision, again);
}

static void test_comparisons(void **state)
{
    (void)state;
    struct slipway_store_compare absent[] = {COMPARE("/k", 0)};
    struct slipway_store_op put[] = {PUT("/k", "first")};
    assert_int_equal(driver_txn(&d, absent, 1, put, 1), SLIPWAY_STORE_OK);
    uint64_t revision = d.answer.revision;
    assert_int_equal(driver_txn(&d, absent, 1, put, 1), SLIPWAY_STORE_CONFLICT);
    struct slipway_store_compare both[] = {COMPARE("/k", revision),
                                           COMPARE("/other", 7)};
    struct slipway_store_op ops[] = {PUT("/k", "second"), PUT("/new", "x")};
    assert_int_equal(driver_txn(&d, both, 2, ops, 2), SLIPWAY_STORE_CONFLICT);
    check_value("/k", "first");
    assert_int_equal(driver_get(&d, "/new"), SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_txn(&d, both, 1, ops, 2), SLIPWAY_STORE_OK);
    uint64_t second = d.answer.revision;
    check_value("/k", "second");
    assert_int_equal(d.answer.items[0].revision, second);
    check_value("/new", "x"); /* one revision for both */
    assert_int_equal(d.answer.items[0].revision, second);
    struct slipway_store_compare created = COMPARE("/k", revision);
    created.what = SLIPWAY_STORE_CREATE_REVISION;
    assert_int_equal(driver_txn(&d, &created, 1, put, 1), SLIPWAY_STORE_OK);
    created.revision = second;
    assert_int_equal(driver_txn(&d, &created, 1, put, 1),
                     SLIPWAY_STORE_CONFLICT);
    /* Comparisons alone are a question. */
    struct slipway_store_compare gone = COMPARE("/never", 0);
    assert_int_equal(driver_txn(&d, &gone, 1, NULL, 0), SLIPWAY_STORE_OK);
}

static void test_limits(void **state)
{
    (void)state;
    static char key[SLIPWAY_STORE_MAX_KEY_BYTES + 2];
    static char value[SLIPWAY_STORE_MAX_VALUE_BYTES + 2];
    struct slipway_store_op ops[SLIPWAY_STORE_MAX_OPS + 1];
    char names[SLIPWAY_STORE_MAX_OPS + 1][16];
    memset(key, 'k', sizeof(key) - 1);
    memset(value, 'v', sizeof(value) - 1);
    assert_int_equal(driver_put(&d, key, "x"), SLIPWAY_STORE_TOOBIG);
    assert_int_equal(driver_get(&d, key), SLIPWAY_STORE_TOOBIG);
    assert_int_equal(driver_put(&d, "", "x"), SLIPWAY_STORE_TOOBIG);
    assert_int_equal(driver_put(&d, "/v", value), SLIPWAY_STORE_TOOBIG);
    assert_int_equal(driver_get(&d, "/v"), SLIPWAY_STORE_NOTFOUND);
    key[SLIPWAY_STORE_MAX_KEY_BYTES] = 0;
    value[SLIPWAY_STORE_MAX_VALUE_BYTES] = 0;
    assert_int_equal(driver_put(&d, key, value), SLIPWAY_STORE_OK);
    check_value(key, value);
    for (unsigned i = 0; i <= SLIPWAY_STORE_MAX_OPS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "/op/%u", i);
        ops[i] = (struct slipway_store_op)PUT(names[i], "x");
    }
    assert_int_equal(driver_txn(&d, NULL, 0, ops, SLIPWAY_STORE_MAX_OPS + 1),
                     SLIPWAY_STORE_TOOBIG);
    assert_int_equal(driver_txn(&d, NULL, 0, ops, SLIPWAY_STORE_MAX_OPS),
                     SLIPWAY_STORE_OK);
    assert_int_equal(driver_list(&d, "/op/", NULL, 1000, 0), SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.count, SLIPWAY_STORE_MAX_OPS);
}

static void test_list_pages(void **state)
{
    (void)state;
    char key[32];
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(key, sizeof(key), "/v1/host/%02u", i);
        assert_int_equal(driver_put(&d, key, key), SLIPWAY_STORE_OK);
    }
    uint64_t revision = d.answer.revision;
    assert_int_equal(driver_put(&d, "/v1/hosts", "no"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_put(&d, "/v1/hos", "no"), SLIPWAY_STORE_OK);
    char after[32] = "";
    unsigned seen = 0;
    do {
        assert_int_equal(
            driver_list(&d, "/v1/host/", seen ? after : NULL, 10, revision),
            SLIPWAY_STORE_OK);
        assert_int_equal(d.answer.revision, revision);
        for (size_t i = 0; i < d.answer.count; i++, seen++) {
            (void)snprintf(key, sizeof(key), "/v1/host/%02u", seen);
            assert_string_equal(d.answer.items[i].key, key);
            assert_string_equal(d.answer.items[i].value, key);
        }
        (void)snprintf(after, sizeof(after), "%s", key);
        /* What happens meanwhile does not show. */
        char change[32];
        uint64_t more = d.answer.more;
        (void)snprintf(change, sizeof(change), "/v1/host/%02u", 24 - seen / 2);
        assert_int_equal(driver_delete(&d, change), SLIPWAY_STORE_OK);
        assert_int_equal(driver_put(&d, "/v1/host/05x", "new"),
                         SLIPWAY_STORE_OK);
        if (!more)
            break;
    } while (seen < 25);
    assert_int_equal(seen, 25);
    assert_int_equal(driver_list(&d, "", NULL, 1000, 0), SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.count, 25);
    assert_int_equal(d.answer.more, 0);
    assert_int_equal(driver_list(&d, "/none", NULL, 10, 0), SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.count, 0);
}

static void test_watch_follows_and_catches_up(void **state)
{
    (void)state;
    struct driver_watch live, late, other;
    driver_watch(&d, "/w/", 0, &live);
    driver_watch(&d, "/elsewhere/", 0, &other);
    assert_int_equal(driver_put(&d, "/w/a", "1"), SLIPWAY_STORE_OK);
    uint64_t first = d.answer.revision;
    assert_int_equal(driver_put(&d, "/x", "1"), SLIPWAY_STORE_OK);
    struct slipway_store_op ops[] = {PUT("/w/b", "2"), DELETE("/w/a")};
    assert_int_equal(driver_txn(&d, NULL, 0, ops, 2), SLIPWAY_STORE_OK);
    uint64_t last = d.answer.revision;
    driver_wait_synced(&live, last);
    assert_int_equal(live.count, 3);
    assert_string_equal(live.events[0].key, "/w/a");
    assert_int_equal(live.events[0].event, SLIPWAY_STORE_EVENT_PUT);
    assert_int_equal(live.events[0].revision, first);
    assert_string_equal(live.events[1].key, "/w/b");
    assert_string_equal(live.events[1].value, "2");
    assert_int_equal(live.events[2].event, SLIPWAY_STORE_EVENT_DELETE);
    assert_int_equal(live.events[2].revision, last);
    assert_int_equal(other.count, 0);
    driver_watch(&d, "/w/", first, &late); /* after `first` */
    driver_wait_synced(&late, last);
    assert_int_equal(late.count, 2);
    assert_string_equal(late.events[0].key, "/w/b");
    driver_unwatch(&live);
    assert_int_equal(driver_put(&d, "/w/c", "3"), SLIPWAY_STORE_OK);
    driver_wait_synced(&late, d.answer.revision);
    assert_int_equal(late.count, 3);
    driver_unwatch(&late);
    driver_unwatch(&other);
}

static void test_watch_of_many(void **state)
{
    (void)state;
    struct driver_watch all;
    char key[32];
    assert_int_equal(driver_put(&d, "/m", "0"), SLIPWAY_STORE_OK);
    uint64_t start = d.answer.revision;
    for (unsigned i = 0; i < 700; i++) {
        (void)snprintf(key, sizeof(key), "/m/%u", i % 7);
        assert_int_equal(driver_put(&d, key, "x"), SLIPWAY_STORE_OK);
    }
    uint64_t last = d.answer.revision;
    driver_watch(&d, "/m", start, &all);
    driver_wait_synced(&all, last);
    assert_int_equal(all.count, 700);
    for (unsigned i = 1; i < 700; i++)
        assert_true(all.events[i].revision > all.events[i - 1].revision);
    driver_unwatch(&all);
}

static void test_compaction(void **state)
{
    (void)state;
    struct driver_watch old;
    assert_int_equal(driver_put(&d, "/c/a", "1"), SLIPWAY_STORE_OK);
    uint64_t first = d.answer.revision;
    assert_int_equal(driver_put(&d, "/c/a", "2"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_put(&d, "/c/b", "1"), SLIPWAY_STORE_OK);
    uint64_t middle = d.answer.revision;
    assert_int_equal(driver_delete(&d, "/c/b"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_put(&d, "/c/a", "3"), SLIPWAY_STORE_OK);
    uint64_t last = d.answer.revision;
    assert_int_equal(driver_compact(&d, middle), SLIPWAY_STORE_OK);
    assert_int_equal(driver_list(&d, "/c/", NULL, 10, first),
                     SLIPWAY_STORE_COMPACTED);
    assert_int_equal(driver_list(&d, "/c/", NULL, 10, middle),
                     SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.count, 2);
    assert_string_equal(d.answer.items[0].value, "2");
    driver_watch(&d, "/c/", first, &old);
    driver_wait_synced(&old, last);
    assert_true(old.compacted);
    assert_int_equal(old.count, 0);
    driver_unwatch(&old);
    driver_watch(&d, "/c/", middle, &old);
    driver_wait_synced(&old, last);
    assert_false(old.compacted);
    assert_int_equal(old.count, 2);
    driver_unwatch(&old);
    assert_int_equal(driver_compact(&d, last), SLIPWAY_STORE_OK);
    assert_int_equal(driver_compact(&d, last), SLIPWAY_STORE_OK);
    check_value("/c/a", "3");
    assert_int_equal(driver_list(&d, "/c/", NULL, 10, last + 100),
                     SLIPWAY_STORE_UNAVAILABLE);
    reopen();
    check_value("/c/a", "3");
    assert_int_equal(driver_list(&d, "/c/", NULL, 10, first),
                     SLIPWAY_STORE_COMPACTED);
}

static void test_lease_ends_with_its_keys(void **state)
{
    (void)state;
    struct driver_watch watch;
    driver_watch(&d, "/l/", 0, &watch);
    assert_int_equal(driver_lease_grant(&d, 300), SLIPWAY_STORE_OK);
    uint64_t lease = d.answer.lease;
    assert_true(lease != 0);
    assert_true(d.answer.remaining_ms >= 300);
    assert_int_equal(driver_put_lease(&d, "/l/a", "x", lease),
                     SLIPWAY_STORE_OK);
    assert_int_equal(driver_put_lease(&d, "/l/b", "x", lease),
                     SLIPWAY_STORE_OK);
    assert_int_equal(driver_put_lease(&d, "/l/freed", "x", lease),
                     SLIPWAY_STORE_OK);
    assert_int_equal(driver_put(&d, "/l/freed", "y"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_lease_keepalive(&d, lease), SLIPWAY_STORE_OK);
    driver_wait_events(&watch, 6); /* four puts, two deletes at the end */
    assert_int_equal(watch.events[4].event, SLIPWAY_STORE_EVENT_DELETE);
    assert_int_equal(watch.events[5].event, SLIPWAY_STORE_EVENT_DELETE);
    assert_int_equal(watch.events[4].revision, watch.events[5].revision);
    assert_int_equal(driver_get(&d, "/l/a"), SLIPWAY_STORE_NOTFOUND);
    check_value("/l/freed", "y");
    assert_int_equal(driver_lease_keepalive(&d, lease), SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_put_lease(&d, "/l/c", "x", lease),
                     SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_get(&d, "/l/c"), SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_lease_revoke(&d, lease), SLIPWAY_STORE_NOTFOUND);
    driver_unwatch(&watch);
}

static void test_campaign(void **state)
{
    (void)state;
    assert_int_equal(driver_lease_grant(&d, 60000), SLIPWAY_STORE_OK);
    uint64_t one = d.answer.lease;
    assert_int_equal(driver_lease_grant(&d, 60000), SLIPWAY_STORE_OK);
    uint64_t two = d.answer.lease;
    assert_true(one != two);
    assert_int_equal(driver_campaign(&d, "/v1/owner", one), SLIPWAY_STORE_OK);
    uint64_t epoch = d.answer.revision;
    assert_int_equal(driver_campaign(&d, "/v1/owner", two),
                     SLIPWAY_STORE_CONFLICT);
    assert_int_equal(driver_campaign(&d, "/v1/owner", one), SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.revision, epoch);
    /* A change made under the epoch holds while the epoch does. */
    struct slipway_store_compare fence = COMPARE("/v1/owner", epoch);
    fence.what = SLIPWAY_STORE_CREATE_REVISION;
    struct slipway_store_op op = PUT("/v1/task", "running");
    assert_int_equal(driver_txn(&d, &fence, 1, &op, 1), SLIPWAY_STORE_OK);
    assert_int_equal(driver_lease_revoke(&d, one), SLIPWAY_STORE_OK);
    assert_int_equal(driver_campaign(&d, "/v1/owner", two), SLIPWAY_STORE_OK);
    assert_true(d.answer.revision > epoch);
    assert_int_equal(driver_txn(&d, &fence, 1, &op, 1), SLIPWAY_STORE_CONFLICT);
    assert_int_equal(driver_campaign(&d, "/v1/owner", one),
                     SLIPWAY_STORE_NOTFOUND);
}

static void test_reopening_keeps_everything(void **state)
{
    (void)state;
    assert_int_equal(driver_put(&d, "/r/a", "1"), SLIPWAY_STORE_OK);
    uint64_t first = d.answer.revision;
    assert_int_equal(driver_put(&d, "/r/a", "2"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_lease_grant(&d, 60000), SLIPWAY_STORE_OK);
    uint64_t lease = d.answer.lease;
    assert_int_equal(driver_put_lease(&d, "/r/b", "x", lease),
                     SLIPWAY_STORE_OK);
    uint64_t last = d.answer.revision;
    reopen();
    check_value("/r/a", "2");
    assert_int_equal(d.answer.items[0].create_revision, first);
    assert_int_equal(driver_list(&d, "/r/", NULL, 10, first), SLIPWAY_STORE_OK);
    assert_string_equal(d.answer.items[0].value, "1");
    assert_int_equal(driver_lease_keepalive(&d, lease), SLIPWAY_STORE_OK);
    assert_int_equal(driver_lease_grant(&d, 60000), SLIPWAY_STORE_OK);
    assert_true(d.answer.lease != lease);
    assert_int_equal(driver_lease_revoke(&d, lease), SLIPWAY_STORE_OK);
    assert_true(d.answer.revision > last);
    assert_int_equal(driver_get(&d, "/r/b"), SLIPWAY_STORE_NOTFOUND);
}

static void test_backup(void **state)
{
    (void)state;
    char copy[600];
    struct driver restored;
    (void)snprintf(copy, sizeof(copy), "%s-copy", location);
    assert_int_equal(driver_put(&d, "/b", "kept"), SLIPWAY_STORE_OK);
    uint64_t revision = d.answer.revision;
    assert_int_equal(driver_backup(&d, copy), SLIPWAY_STORE_OK);
    assert_int_equal(driver_backup(&d, copy), SLIPWAY_STORE_CONFLICT);
    assert_int_equal(driver_put(&d, "/b", "later"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_backup(&d, "/nowhere/at/all"),
                     SLIPWAY_STORE_UNAVAILABLE);
    assert_int_equal(driver_open(&restored, d.plugin, copy), 0);
    assert_int_equal(driver_get(&restored, "/b"), SLIPWAY_STORE_OK);
    assert_string_equal(restored.answer.items[0].value, "kept");
    assert_int_equal(restored.answer.items[0].revision, revision);
    driver_close(&restored);
}

static void test_health_and_second_opening(void **state)
{
    (void)state;
    struct driver second;
    assert_int_equal(driver_health(&d), SLIPWAY_STORE_OK);
    assert_int_not_equal(driver_open(&second, d.plugin, location), 0);
    assert_true(second.why[0] != 0);
    assert_int_equal(driver_health(&d), SLIPWAY_STORE_OK);
    assert_int_not_equal(
        driver_open(&second, d.plugin, "/nowhere/at/all/store"), 0);
    assert_true(second.why[0] != 0);
}

/* Requests that were made are finished by close, and their completions are
 * dropped; order is kept for those that come. */
static unsigned finished;
static void count_done(void *arg, uint32_t result, uint64_t revision,
                       const char *sentence)
{
    (void)arg;
    (void)result;
    (void)revision;
    (void)sentence;
    finished++;
}

static void test_close_finishes_what_was_accepted(void **state)
{
    (void)state;
    char key[32];
    finished = 0;
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(key, sizeof(key), "/f/%03u", i);
        struct slipway_store_op op = PUT(key, "x");
        d.plugin->txn(d.store, NULL, 0, &op, 1, count_done, NULL);
    }
    reopen();
    assert_int_equal(finished, 0);
    assert_int_equal(driver_list(&d, "/f/", NULL, 1000, 0), SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.count, 500);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fresh, close_it)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_put_get_delete),
        TEST(test_comparisons),
        TEST(test_limits),
        TEST(test_list_pages),
        TEST(test_watch_follows_and_catches_up),
        TEST(test_watch_of_many),
        TEST(test_compaction),
        TEST(test_lease_ends_with_its_keys),
        TEST(test_campaign),
        TEST(test_reopening_keeps_everything),
        TEST(test_backup),
        TEST(test_health_and_second_opening),
        TEST(test_close_finishes_what_was_accepted),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

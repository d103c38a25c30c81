/* SPDX-License-Identifier: Apache-2.0 */
/* The route table and how paths find their route; problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/rest/problem.h"
#include "core/server/rest/route.h"
#include "core/server/rest/schema.h"
#include "core/util/macros.h"

static void handler(struct server *server, struct request *r)
{
    (void)server;
    (void)r;
}

static const struct route table[] = {
    {.method = "GET", .path = "/a", .handler = handler},
    {.method = "POST", .path = "/a", .handler = handler},
    {.method = "GET", .path = "/a/{id}", .handler = handler},
    {.method = "GET", .path = "/a/{id}/b/{other}", .handler = handler},
};

static const struct route *find(const char *method, const char *path,
                                struct route_match *match)
{
    route_find(table, ARRAY_LENGTH(table), method, path, match);
    return match->route;
}

static void test_finds(void **state)
{
    struct route_match m;
    (void)state;
    assert_ptr_equal(find("GET", "/a", &m), &table[0]);
    assert_ptr_equal(find("HEAD", "/a", &m), &table[0]);
    assert_ptr_equal(find("POST", "/a", &m), &table[1]);
    assert_ptr_equal(find("GET", "/a/x%20y", &m), &table[2]);
    assert_string_equal(m.values[0].name, "id");
    assert_string_equal(m.values[0].text, "x y");
    assert_ptr_equal(find("GET", "/a/1/b/2", &m), &table[3]);
    assert_string_equal(m.values[1].text, "2");
}

static void test_refuses(void **state)
{
    struct route_match m;
    char path[400];
    static const char *const paths[] = {
        "", "/", "a", "/b", "/a/", "/a//b/2", "/a/%2f", "/a/%00", "/a/%1",
        "/a/%zz", "/a/x/b", "/a/x/b/y/z", "/A", "/a/\x7f", "//a",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        assert_null(find("GET", paths[i], &m));
        assert_false(m.path_known);
    }
    memset(path, 'x', sizeof(path));
    memcpy(path, "/a/", 3);
    path[sizeof(path) - 1] = '\0';
    assert_null(find("GET", path, &m));
}

static void test_other_method_is_told_which(void **state)
{
    struct route_match m;
    (void)state;
    assert_null(find("DELETE", "/a", &m));
    assert_true(m.path_known);
    assert_string_equal(m.allow, "GET, POST");
}

/* Every entry of the real table is whole, and is the one its path finds. */
static void test_real_table(void **state)
{
    struct schemas *schemas;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(schemas_builtin(&schemas, &err), 0);
    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        struct route_match m;
        route_find(routes, route_count, route->method, route->path, &m);
        if (m.route != route)
            fail_msg("%s %s leads to %s", route->method, route->path,
                     m.route ? m.route->path : "nothing");
        assert_non_null(route->handler);
        assert_non_null(route->summary);
        if (route->request_schema)
            assert_non_null(schemas_find(schemas, route->request_schema));
        if (route->reply_schema)
            assert_non_null(schemas_find(schemas, route->reply_schema));
    }
    schemas_free(schemas);
}

static void test_problems(void **state)
{
    size_t count;
    const struct problem *list = problem_list(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(problem_get(list[i].id), &list[i]);
        assert_in_range(list[i].status, 400, 599);
    }
    assert_int_equal(problem_for(ERR_NOT_FOUND)->status, 404);
    assert_int_equal(problem_for(ERR_CONFLICT)->status, 409);
    assert_int_equal(problem_for(ERR_DENIED)->status, 403);
    assert_int_equal(problem_for(ERR_NO_SPACE)->status, 507);
    assert_int_equal(problem_for(ERR_UNAVAILABLE)->status, 503);
    assert_int_equal(problem_for(ERR_CORRUPT)->status, 500);
    json_t *document = problem_document(problem_get("not-found"), "why", "ab");
    assert_string_equal(json_string_value(json_object_get(document, "type")),
                        "/api/v1/problems/not-found");
    assert_string_equal(
        json_string_value(json_object_get(document, "instance")),
        "urn:slipway:request:ab");
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_other_method_is_told_which),
        cmocka_unit_test(test_real_table),
        cmocka_unit_test(test_problems),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

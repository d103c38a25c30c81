/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI document says what the route table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/rest/openapi.h"
#include "core/server/rest/problem.h"
#include "core/util/json.h"
#include "core/util/macros.h"

struct world {
    struct schemas *schemas;
    json_t *document;
};

static int setup(void **state)
{
    static struct world world;
    struct err err = ERR_INIT;
    assert_int_equal(schemas_builtin(&world.schemas, &err), 0);
    if (openapi_document(routes, route_count, world.schemas, &world.document,
                         &err) < 0)
        fail_msg("%s", err.text);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    json_decref(w->document);
    schemas_free(w->schemas);
    return 0;
}

static const json_t *at(const struct world *w, const char *path,
                        const char *method)
{
    const json_t *item = json_object_get(
        json_object_get(w->document, "paths"), path);
    return json_object_get(item, method);
}

static const json_t *parameter(const json_t *operation, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach (json_object_get(operation, "parameters"), i, one)
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
            return one;
    return NULL;
}

static void test_every_route(void **state)
{
    const struct world *w = *state;
    size_t operations = 0;
    const char *path;
    json_t *item;
    json_object_foreach (json_object_get(w->document, "paths"), path, item)
        operations += json_object_size(item);
    assert_int_equal(operations, route_count);
}

static void test_one_operation(void **state)
{
    const json_t *o = at(*state, "/api/v1/hosts/{id}", "patch");
    const json_t *responses = json_object_get(o, "responses");
    assert_true(json_is_true(
        json_object_get(parameter(o, "If-Match"), "required")));
    assert_non_null(parameter(o, "id"));
    assert_null(parameter(o, "limit"));
    assert_null(parameter(o, "Idempotency-Key"));
    assert_non_null(json_object_get(responses, "200"));
    assert_non_null(json_object_get(responses, "412"));
    assert_non_null(json_object_get(responses, "428"));
    assert_null(json_object_get(responses, "204"));
    const json_t *list = at(*state, "/api/v1/hosts", "get");
    assert_non_null(parameter(list, "limit"));
    assert_null(json_object_get(list, "requestBody"));
    assert_non_null(parameter(at(*state, "/api/v1/hosts", "post"),
                              "Idempotency-Key"));
    const json_t *gone = at(*state, "/api/v1/hosts/{id}", "delete");
    const json_t *reply =
        json_object_get(json_object_get(gone, "responses"), "204");
    assert_non_null(reply);
    assert_null(json_object_get(reply, "content"));
}

static void test_scopes(void **state)
{
    const json_t *open =
        json_object_get(at(*state, "/api/v1/problems", "get"), "security");
    const json_t *admin =
        json_object_get(at(*state, "/api/v1/audit", "get"), "security");
    assert_int_equal(json_array_size(open), 0);
    const json_t *scopes =
        json_object_get(json_array_get(admin, 0), "token");
    assert_string_equal(json_string_value(json_array_get(scopes, 0)), "admin");
}

/* A problem that no route may be answered with would never be seen. */
static void test_every_problem_has_a_cause(void **state)
{
    size_t count;
    const struct problem *list = problem_list(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool found = strcmp(list[i].id, "method-not-allowed") == 0;
        for (size_t k = 0; k < route_count && !found; k++)
            found = openapi_may_answer(&routes[k], list[i].id);
        if (!found)
            fail_msg("no route is answered with '%s'", list[i].id);
    }
}

static void refused(const struct world *w, const struct route *route,
                    const char *why)
{
    json_t *document = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(openapi_document(route, 1, w->schemas, &document, &err),
                     ERR_INTERNAL);
    assert_non_null(strstr(err.text, why));
}

static void test_what_is_defined_nowhere_is_named(void **state)
{
    const struct world *w = *state;
    struct route route = {.method = "GET", .path = "/api/v1/x/{colour}",
                          .scope = SCOPE_VIEWER, .summary = "x"};
    refused(w, &route, "path-colour");
    route.path = "/api/v1/x";
    route.query = "limit taste";
    refused(w, &route, "query-taste");
    route.query = NULL;
    route.reply_schema = "nothing";
    refused(w, &route, "'nothing'");
    route.reply_schema = NULL;
    route.request_schema = "nobody";
    refused(w, &route, "'nobody'");
}

static void test_served(void **state)
{
    const struct world *w = *state;
    struct openapi *first, *second;
    struct err err = ERR_INIT;
    assert_int_equal(openapi_new(w->schemas, &first, &err), 0);
    assert_int_equal(openapi_new(w->schemas, &second, &err), 0);
    assert_string_equal(first->text, second->text); /* or no cache would do */
    assert_string_equal(first->etag, second->etag);
    assert_int_equal(first->length, strlen(first->text));
    assert_int_equal(first->etag[0], '"');
    openapi_free(first);
    openapi_free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route),
        cmocka_unit_test(test_one_operation),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_every_problem_has_a_cause),
        cmocka_unit_test(test_what_is_defined_nowhere_is_named),
        cmocka_unit_test(test_served),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/images/care-roots.h"

#include <string.h>

#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/util/crypto.h"

#define EVERYTHING "/v1/"
#define IMAGES "/v1/image/"
#define TASKS "/v1/task/"

struct roots {
    json_t *digests;
    care_roots_done *done;
    void *arg;
    bool failed; /* no memory for one of them: none may be missing */
};

static void take_text(struct roots *roots, const char *text)
{
    struct digest digest;
    if (strlen(text) == DIGEST_HEX_BYTES - 1 &&
        !digest_parse(text, &digest, NULL) &&
        json_array_append_new(roots->digests, json_string(text)))
        roots->failed = true;
}

/* `skip`: a member that does not count. */
static void take(struct roots *roots, const json_t *json, const char *skip)
{
    size_t i;
    const char *key;
    json_t *value;
    if (json_is_string(json))
        take_text(roots, json_string_value(json));
    else if (json_is_array(json))
        json_array_foreach (json, i, value)
            take(roots, value, skip);
    else
        json_object_foreach ((json_t *)json, key, value)
            if (!skip || strcmp(key, skip) != 0)
                take(roots, value, skip);
}

static bool is_over(const json_t *task)
{
    const char *state = json_string_value(json_object_get(task, "state"));
    return state && (!strcmp(state, "succeeded") || !strcmp(state, "failed") ||
                     !strcmp(state, "cancelled"));
}

static void take_document(struct roots *roots, const struct store_doc *doc)
{
    bool image = !strncmp(doc->key, IMAGES, strlen(IMAGES));
    bool task = !strncmp(doc->key, TASKS, strlen(TASKS));
    if (image && json_is_true(json_object_get(doc->json, "deleted")))
        return;
    take(roots, doc->json, task && is_over(doc->json) ? "manifest" : NULL);
}

static void on_document(void *arg, const struct store_doc *doc,
                        const struct err *err)
{
    struct roots *roots = arg;
    struct err local;
    if (doc) {
        take_document(roots, doc);
        return;
    }
    if (!err && roots->failed) {
        (void)err_set(&local, ERR_NO_MEMORY, "no memory to collect");
        err = &local;
    }
    if (err)
        json_decref(roots->digests);
    roots->done(roots->arg, err ? NULL : roots->digests, err);
    free(roots);
}

void care_roots(struct server *server, care_roots_done *done, void *arg)
{
    struct roots *roots = calloc(1, sizeof(*roots));
    if (roots)
        *roots = (struct roots){json_array(), done, arg, false};
    if (!roots || !roots->digests) {
        struct err err;
        free(roots);
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to collect");
        done(arg, NULL, &err);
        return;
    }
    store_each(server->store, EVERYTHING, on_document, roots);
}

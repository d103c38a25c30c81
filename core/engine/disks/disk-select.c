/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/disks/disk-select.h"

#include <fnmatch.h>
#include <string.h>

#include "core/util/buf.h"
#include "core/util/json.h"
#include "core/util/num.h"

enum choice { CHOOSE_ONLY, CHOOSE_FIRST, CHOOSE_SMALLEST, CHOOSE_LARGEST };

struct wish {
    enum choice choice;
    uint64_t min;
    uint64_t max;
    const char *serial; /* NULL = any, like the texts below */
    const char *path;
    const char *model;
    const char *transport;
};

static uint64_t read_size(struct json_reader *r, const char *key,
                          uint64_t fallback)
{
    const json_t *value = json_opt_any(r, key);
    uint64_t bytes = 0;

    if (!value)
        return fallback;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return (uint64_t)json_integer_value(value);
    if (!json_is_string(value) ||
        num_parse_size(json_string_value(value), &bytes, NULL) < 0)
        (void)json_reader_fail(r, key, "a size such as \"8 GiB\" expected");
    return bytes;
}

static int read_wish(const json_t *selector, struct wish *wish, struct err *err)
{
    static const char *const words[] = {
        [CHOOSE_ONLY] = "only",
        [CHOOSE_FIRST] = "first",
        [CHOOSE_SMALLEST] = "smallest",
        [CHOOSE_LARGEST] = "largest",
    };
    struct json_reader r;
    size_t choice;

    json_reader_init(&r, selector, "disk", err);
    const char *word = json_opt_text(&r, "select", "only");
    for (choice = 0; choice < ARRAY_LENGTH(words); choice++)
        if (strcmp(word, words[choice]) == 0)
            break;
    if (choice == ARRAY_LENGTH(words))
        (void)json_reader_fail(&r, "select",
                               "smallest, largest, first or only expected");
    wish->choice = (enum choice)choice;
    wish->min = read_size(&r, "min", 0);
    wish->max = read_size(&r, "max", UINT64_MAX);
    wish->serial = json_opt_text(&r, "serial", NULL);
    wish->path = json_opt_text(&r, "path", NULL);
    wish->model = json_opt_text(&r, "model", NULL);
    wish->transport = json_opt_text(&r, "transport", NULL);
    return json_done(&r);
}

static bool text_fits(const char *wanted, const char *have)
{
    return !wanted || strcmp(wanted, have) == 0;
}

static bool disk_fits(const struct disk *disk, const struct wish *wish)
{
    return !disk->read_only && !disk->unreadable && disk->size_bytes > 0 &&
           !disk->removable && disk->size_bytes >= wish->min &&
           disk->size_bytes <= wish->max &&
           text_fits(wish->serial, disk->serial) &&
           text_fits(wish->path, disk->path) &&
           text_fits(wish->transport, disk->transport) &&
           (!wish->model || fnmatch(wish->model, disk->model, 0) == 0);
}

/* "vda 8.0 GiB serial 'x' (read-only), vdb ...": as much as fits. */
static void describe_disks(const struct disk_list *list, struct buf *out)
{
    char size[NUM_SIZE_TEXT_BYTES];

    for (size_t i = 0; i < list->count; i++) {
        const struct disk *disk = &list->disks[i];
        (void)buf_printf(out, "%s%s %s", i ? ", " : "", disk->name,
                         num_format_size(disk->size_bytes, size));
        if (disk->serial[0])
            (void)buf_printf(out, " serial '%s'", disk->serial);
        if (disk->unreadable)
            (void)buf_append_text(out, " (cannot be read)");
        else if (disk->read_only)
            (void)buf_append_text(out, " (read-only)");
        else if (disk->removable)
            (void)buf_append_text(out, " (removable)");
    }
}

static int explain(const struct disk_list *list, const json_t *selector,
                   size_t fitting, struct err *err)
{
    AUTO_BUF there = BUF_INIT(300);
    AUTO_FREE char *wish = json_text(selector);

    describe_disks(list, &there);
    if (list->count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "this machine shows no disk at all; check cables, power "
                       "and the controller's mode in the firmware setup");
    if (fitting == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "no disk fits %.120s; this machine has: %s",
                       wish ? wish : "", buf_text(&there));
    return err_set(err, ERR_CONFLICT,
                   "%zu disks fit %.120s where only one may; add serial, path "
                   "or select; this machine has: %s",
                   fitting, wish ? wish : "", buf_text(&there));
}

int disk_select(const struct disk_list *list, const json_t *selector,
                size_t *ret_index, struct err *err)
{
    struct wish wish;
    size_t fitting = 0, chosen = 0;

    int code = read_wish(selector, &wish, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < list->count; i++) {
        if (!disk_fits(&list->disks[i], &wish))
            continue;
        uint64_t size = list->disks[i].size_bytes;
        uint64_t best = list->disks[chosen].size_bytes;
        if (fitting++ == 0 || (wish.choice == CHOOSE_SMALLEST && size < best) ||
            (wish.choice == CHOOSE_LARGEST && size > best))
            chosen = i;
    }
    if (fitting == 0 || (fitting > 1 && wish.choice == CHOOSE_ONLY))
        return explain(list, selector, fitting, err);
    *ret_index = chosen;
    return 0;
}

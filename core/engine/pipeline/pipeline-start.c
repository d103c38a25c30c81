/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/pipeline/pipeline-start.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/checkpoint.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define MAX_EXCLUDED 4096

static int take_excluded(struct pipeline_start *s, const json_t *list,
                         struct err *err)
{
    const json_t *pair;
    size_t i;

    if (json_array_size(list) > MAX_EXCLUDED)
        return err_set(err, ERR_TOO_BIG, "more than %d ranges are left out",
                       MAX_EXCLUDED);
    s->excluded = calloc(json_array_size(list) + 1, sizeof(*s->excluded));
    if (!s->excluded)
        return err_set(err, ERR_NO_MEMORY, "no memory for the ranges");
    json_array_foreach(list, i, pair)
    {
        json_int_t offset = json_integer_value(json_array_get(pair, 0));
        json_int_t length = json_integer_value(json_array_get(pair, 1));

        if (offset < 0 || length < 0)
            return err_set(err, ERR_INVALID, "a range is negative");
        s->excluded[s->excluded_count++] = (struct pipeline_range){
            .offset = (uint64_t)offset,
            .length = (uint64_t)length,
        };
    }
    return 0;
}

static int take_manifest(struct pipeline_start *s, int fd, struct err *err)
{
    AUTO_FREE char *text = NULL;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size <= 0 ||
        status.st_size > MANIFEST_MAX_BYTES)
        return err_set(err, ERR_INVALID, "there is no manifest");
    text = malloc((size_t)status.st_size);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory for the manifest");
    if (file_pread_all(fd, text, (size_t)status.st_size, 0, err) != 0)
        return err->code;
    return manifest_parse(text, (size_t)status.st_size, &s->manifest, err);
}

static int take_checkpoint(struct pipeline_start *s, int fd, struct err *err)
{
    struct stat status;

    if (fd < 0)
        return 0;
    if (fstat(fd, &status) != 0 || status.st_size <= 0 ||
        status.st_size > CHECKPOINT_MAX_BYTES)
        return err_set(err, ERR_INVALID, "the checkpoint has no bytes");
    s->checkpoint = malloc((size_t)status.st_size);
    if (!s->checkpoint)
        return err_set(err, ERR_NO_MEMORY, "no memory for the checkpoint");
    s->checkpoint_length = (size_t)status.st_size;
    return file_pread_all(fd, s->checkpoint, s->checkpoint_length, 0, err);
}

static int parse_mode(const char *word, enum pipeline_mode *ret,
                      struct err *err)
{
    if (strcmp(word, "fresh") == 0)
        *ret = PIPELINE_FRESH;
    else if (strcmp(word, "resume") == 0)
        *ret = PIPELINE_RESUME;
    else if (strcmp(word, "verify") == 0)
        *ret = PIPELINE_VERIFY;
    else
        return err_set(err, ERR_INVALID, "there is no mode '%.20s'", word);
    return 0;
}

int pipeline_start_parse(struct channel_message *message,
                         struct pipeline_start *ret, struct err *err)
{
    struct json_reader r;
    const json_t *excluded;
    const char *mode;

    memset(ret, 0, sizeof(*ret));
    json_reader_init(&r, message->head, "", err);
    (void)json_get_text(&r, "type");
    mode = json_get_text(&r, "mode");
    (void)snprintf(ret->device, sizeof(ret->device), "%s",
                   json_get_text(&r, "device"));
    ret->plugin_dir = json_get_text(&r, "plugin_dir");
    excluded = json_get_array(&r, "excluded");
    ret->transports = json_get_array(&r, "transports");
    ret->servers = json_get_array(&r, "servers");
    ret->device_bytes = json_get_u64(&r, "device_bytes", 0, INT64_MAX);
    ret->sector_bytes = (uint32_t)json_get_u64(&r, "sector_bytes", 0, 65536);
    if (json_done(&r) != 0)
        return r.code;
    if (parse_mode(mode, &ret->mode, err) != 0 ||
        take_excluded(ret, excluded, err) != 0 ||
        take_manifest(ret, message->fds[1], err) != 0 ||
        take_checkpoint(ret, message->fds[2], err) != 0)
        return err->code;
    return 0;
}

void pipeline_start_done(struct pipeline_start *start)
{
    free(start->excluded);
    start->excluded = NULL;
    free(start->checkpoint);
    start->checkpoint = NULL;
}

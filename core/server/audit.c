/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: see audit.h.  A line is
 *
 *   {"action":...,"actor":...,"detail":{...},"number":N,"previous":"<hex>",
 *    "target":...,"time_s":N}
 *
 * with sorted keys; "previous" is the SHA-256 of the line before without its
 * newline, 64 zeroes in the first one.
 */
#include "core/server/audit.h"

#include <string.h>

#include "core/util/buf.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/macros.h"

#define MAX_LINE_BYTES (16 * 1024)
#define MAX_LOG_BYTES ((size_t)1 << 30)

struct audit {
    const struct seam *seam;
    int handle;
    uint64_t count;
    struct digest head; /* of the last line */
};

/* One line of the chain; advances count and head. */
static int verify_line(const char *line, size_t length, uint64_t *count,
                       struct digest *head, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    AUTO_JSON *record = json_parse(line, length, MAX_LINE_BYTES, err);
    if (!record)
        return ERR_CORRUPT;
    const char *previous =
        json_string_value(json_object_get(record, "previous"));
    json_int_t number = json_integer_value(json_object_get(record, "number"));
    if (number != (json_int_t)(*count + 1))
        return err_set(err, ERR_CORRUPT, "it is number %lld there",
                       (long long)number);
    if (!previous || strcmp(previous, digest_hex(head, hex)) != 0)
        return err_set(err, ERR_CORRUPT,
                       "it does not follow from the line before");
    digest_of(line, length, head);
    (*count)++;
    return 0;
}

int audit_verify(const char *text, size_t length, uint64_t *ret_count,
                 struct digest *ret_head, size_t *ret_end, struct err *err)
{
    struct digest head = {{0}};
    uint64_t count = 0;
    size_t at = 0;
    int code = 0;
    while (code == 0 && at < length) {
        const char *end = memchr(text + at, '\n', length - at);
        if (!end)
            break; /* half a line: ret_end tells */
        code = verify_line(text + at, (size_t)(end - text) - at, &count, &head,
                           err);
        if (code == 0)
            at = (size_t)(end - text) + 1;
    }
    if (ret_count)
        *ret_count = count;
    if (ret_head)
        *ret_head = head;
    if (ret_end)
        *ret_end = at;
    if (code != 0) {
        struct err why = err ? *err : (struct err)ERR_INIT;
        return err_set(err, ERR_CORRUPT, "line %llu of the audit log was "
                       "changed or is missing: %.300s",
                       (unsigned long long)(count + 1), why.text);
    }
    return 0;
}

static int load(struct audit *audit, struct err *err)
{
    AUTO_BUF text = BUF_INIT(MAX_LOG_BYTES);
    const struct seam *seam = audit->seam;
    size_t end;
    int code = seam->log_read(seam->context, audit->handle, &text, err);
    if (code == 0)
        code = audit_verify(buf_text(&text), text.length, &audit->count,
                            &audit->head, &end, err);
    if (code != 0 || end == text.length)
        return code;
    log_warn("the audit log ends in half a line, which was never "
             "acknowledged; ignoring its %zu bytes", text.length - end);
    return seam->log_rewrite(seam->context, audit->handle, buf_text(&text),
                             end, err);
}

int audit_open(const struct seam *seam, const char *path,
               struct audit **ret_audit, struct err *err)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (!audit)
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    audit->seam = seam;
    int code = seam->log_open(seam->context, path, &audit->handle, err);
    if (code != 0) {
        free(audit);
        return err_prefix(err, "audit log '%s': ", path);
    }
    code = load(audit, err);
    if (code != 0) {
        audit_close(audit);
        return err_prefix(err, "audit log '%s': ", path);
    }
    *ret_audit = audit;
    return 0;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    audit->seam->log_close(audit->seam->context, audit->handle);
    free(audit);
}

int audit_record(struct audit *audit, const char *actor, const char *action,
                 const char *target, json_t *detail, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    const struct seam *seam = audit->seam;
    AUTO_JSON *record = json_pack(
        "{s:I, s:s, s:I, s:s, s:s, s:s, s:o*}", "number",
        (json_int_t)(audit->count + 1), "previous",
        digest_hex(&audit->head, hex), "time_s",
        (json_int_t)seam->wall_s(seam->context), "actor", actor, "action",
        action, "target", target, "detail", detail);
    AUTO_FREE char *line = record ? json_text(record) : NULL;
    AUTO_BUF text = BUF_INIT(MAX_LINE_BYTES);
    if (!line || buf_append_text(&text, line) < 0 ||
        buf_append_byte(&text, '\n') < 0)
        return err_set(err, ERR_TOO_BIG, "an audit record does not fit into "
                       "%d bytes", MAX_LINE_BYTES);
    int code = seam->log_append(seam->context, audit->handle, text.data,
                                text.length, err);
    if (code != 0)
        return err_prefix(err, "audit log: ");
    digest_of(line, strlen(line), &audit->head);
    audit->count++;
    return 0;
}

json_t *audit_list(struct audit *audit, uint64_t after, size_t limit,
                   bool *ret_more, struct err *err)
{
    AUTO_BUF text = BUF_INIT(MAX_LOG_BYTES);
    const struct seam *seam = audit->seam;
    *ret_more = false;
    if (seam->log_read(seam->context, audit->handle, &text, err) != 0)
        return NULL;
    json_t *list = json_array();
    const char *at = buf_text(&text);
    uint64_t number = 0;
    for (const char *end; list && (end = strchr(at, '\n')); at = end + 1) {
        if (++number <= after)
            continue;
        if (json_array_size(list) == limit) {
            *ret_more = true;
            break;
        }
        json_t *record = json_parse(at, (size_t)(end - at), MAX_LINE_BYTES,
                                    err);
        if (!record || json_array_append_new(list, record) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

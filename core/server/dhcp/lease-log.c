/* SPDX-License-Identifier: Apache-2.0 */
/* Records of leases on the disk. */
#include "core/server/dhcp/lease-log.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/util/crypto.h"
#include "core/util/num.h"

enum { CHECK_DIGITS = 16, FIELDS = 5, COMPACT_FACTOR = 4, COMPACT_MIN = 4096 };

/* As in the file; an offer is never written. */
static const char *const state_words[LEASE_STATES] = {
    [LEASE_BOUND] = "bound",
    [LEASE_RELEASED] = "released",
    [LEASE_DECLINED] = "declined",
};

struct record {
    enum lease_state state;
    struct in_addr address;
    struct lease_key key;
    int64_t until_s;
    char name[LEASE_NAME_BYTES];
};

int lease_log_open(struct lease_log *log, const struct seam *seam,
                   const char *path, struct err *err)
{
    *log = (struct lease_log){.seam = seam, .handle = -1};
    return seam->log_open(seam->context, path, &log->handle, err);
}

void lease_log_close(struct lease_log *log)
{
    if (log->seam && log->handle >= 0)
        log->seam->log_close(log->seam->context, log->handle);
    log->seam = NULL;
}

/* ---- lines -------------------------------------------------------------- */

static void check_of(const char *text, size_t length,
                     char out[CHECK_DIGITS + 1])
{
    struct digest digest;
    digest_of(text, length, &digest);
    (void)hex_format(digest.bytes, CHECK_DIGITS / 2, out);
}

int lease_record_format(struct buf *buf, enum lease_state state,
                        struct in_addr address, const struct lease_key *key,
                        int64_t until_s, const char *name)
{
    char text[LEASE_RECORD_MAX];
    char check[CHECK_DIGITS + 1];
    char client[2 * LEASE_KEY_BYTES + 1];
    char where[INET_ADDRSTRLEN];
    (void)inet_ntop(AF_INET, &address, where, sizeof(where));
    int n = snprintf(text, sizeof(text), "%s %s %s %" PRId64 " %s",
                     state_words[state], where,
                     hex_format(key->bytes, sizeof(key->bytes), client),
                     until_s, name[0] ? name : "-");
    check_of(text, (size_t)n, check);
    return buf_printf(buf, "%s %s\n", check, text);
}

static int parse_state(const char *word, enum lease_state *ret)
{
    for (size_t i = 0; i < LEASE_STATES; i++) {
        if (state_words[i] && strcmp(word, state_words[i]) == 0) {
            *ret = (enum lease_state)i;
            return 0;
        }
    }
    return -1;
}

/* Splits the text behind the check at its spaces, in place. */
static int parse_fields(char *text, struct record *ret)
{
    char *fields[FIELDS];
    char *at = text;
    uint64_t until_s;
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = at;
        char *space = strchr(at, ' ');
        if ((space != NULL) != (i + 1 < FIELDS))
            return -1;
        if (space) {
            *space = '\0';
            at = space + 1;
        }
    }
    if (parse_state(fields[0], &ret->state) ||
        inet_pton(AF_INET, fields[1], &ret->address) != 1 ||
        hex_parse(fields[2], ret->key.bytes, sizeof(ret->key.bytes)) ||
        num_parse_u64(fields[3], 0, INT64_MAX, &until_s, NULL) ||
        strlen(fields[4]) >= sizeof(ret->name))
        return -1;
    ret->until_s = (int64_t)until_s;
    memcpy(ret->name, fields[4], strlen(fields[4]) + 1);
    if (strcmp(ret->name, "-") == 0)
        ret->name[0] = '\0';
    return 0;
}

static int parse_record(const char *line, size_t length, struct record *ret)
{
    char text[LEASE_RECORD_MAX + CHECK_DIGITS + 2];
    char check[CHECK_DIGITS + 1];
    if (length <= CHECK_DIGITS + 1 || length >= sizeof(text) ||
        memchr(line, '\0', length))
        return -1;
    memcpy(text, line, length);
    text[length] = '\0';
    check_of(text + CHECK_DIGITS + 1, length - CHECK_DIGITS - 1, check);
    if (text[CHECK_DIGITS] != ' ' || memcmp(text, check, CHECK_DIGITS) != 0)
        return -1;
    return parse_fields(text + CHECK_DIGITS + 1, ret);
}

/* The address of a line whose check failed, if there still seems to be one. */
static bool salvage_address(const char *line, size_t length,
                            struct in_addr *ret)
{
    char text[LEASE_RECORD_MAX];
    char *at = text;
    if (length >= sizeof(text))
        return false;
    memcpy(text, line, length);
    text[length] = '\0';
    for (int i = 0; i < 2 && at; i++) {
        at = strchr(at, ' ');
        if (at)
            at++;
    }
    char *end = at ? strchr(at, ' ') : NULL;
    if (!end)
        return false;
    *end = '\0';
    return inet_pton(AF_INET, at, ret) == 1;
}

/* ---- reading ------------------------------------------------------------ */

struct loading {
    struct leases *leases;
    uint64_t now_ms;
    int64_t now_s;
    uint32_t longest_s;
};

static int apply_record(const struct loading *l, const struct record *r)
{
    static const struct lease_key nobody;
    int64_t left_s = r->until_s - l->now_s;
    if (left_s > (int64_t)l->longest_s)
        left_s = l->longest_s;
    uint64_t until_ms = left_s > 0 ? l->now_ms + (uint64_t)left_s * 1000 : 0;
    const struct lease_key *key =
        r->state == LEASE_DECLINED ? &nobody : &r->key;
    struct lease *lease =
        lease_put(l->leases, key, r->address, r->state, until_ms);
    if (!lease)
        return -1;
    memcpy(lease->host_name, r->name, sizeof(r->name));
    return 0;
}

static int apply_line(const struct loading *l, const char *line, size_t length,
                      struct lease_log_found *found)
{
    struct record record;
    memset(&record, 0, sizeof(record));
    found->records++;
    if (parse_record(line, length, &record) == 0)
        return apply_record(l, &record);
    found->damaged++;
    memset(&record, 0, sizeof(record));
    if (!salvage_address(line, length, &record.address))
        return 0;
    record.state = LEASE_DECLINED;
    record.until_s = l->now_s + l->longest_s;
    return apply_record(l, &record);
}

int lease_log_load(struct lease_log *log, struct leases *leases,
                   uint32_t longest_s, struct lease_log_found *ret,
                   struct err *err)
{
    const struct seam *seam = log->seam;
    AUTO_BUF content = BUF_INIT(LEASE_LOG_MAX_BYTES);
    struct loading loading = {leases, seam->now_ms(seam->context),
                              seam->wall_s(seam->context), longest_s};
    memset(ret, 0, sizeof(*ret));
    int code = seam->log_read(seam->context, log->handle, &content, err);
    if (code)
        return code;
    const char *at = buf_text(&content);
    const char *end = at + content.length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) {
            ret->torn = true;
            break;
        }
        if (apply_line(&loading, at, (size_t)(newline - at), ret))
            return err_set(err, ERR_NO_MEMORY, "no memory for the leases");
        at = newline + 1;
    }
    log->records = ret->records;
    return 0;
}

/* ---- writing ------------------------------------------------------------ */

int lease_log_append(struct lease_log *log, const struct buf *lines,
                     uint64_t count, struct err *err)
{
    int code = log->seam->log_append(log->seam->context, log->handle,
                                     lines->data, lines->length, err);
    if (!code)
        log->records += count;
    return code;
}

/* Calendar time of a moment of the loop's clock. */
static int64_t calendar(const struct seam *seam, uint64_t at_ms)
{
    int64_t left_ms = (int64_t)at_ms - (int64_t)seam->now_ms(seam->context);
    int64_t at_s = seam->wall_s(seam->context) + left_ms / 1000;
    return at_s > 0 ? at_s : 0;
}

int lease_log_compact(struct lease_log *log, const struct leases *leases,
                      bool force, struct err *err)
{
    uint64_t live = leases_count(leases);
    if (!force && log->records < COMPACT_FACTOR * live + COMPACT_MIN)
        return 0;
    AUTO_BUF lines = BUF_INIT(LEASE_LOG_MAX_BYTES);
    uint64_t count = 0;
    /* In order of their ends, so that reading them back finds each one's
     * place at the end of its queue. */
    for (enum lease_state s = LEASE_BOUND; s < LEASE_STATES; s++) {
        const struct lease *at = leases_first(leases, s);
        for (; at; at = at->later, count++)
            (void)lease_record_format(&lines, s, at->address, &at->key,
                                      calendar(log->seam, at->until_ms),
                                      at->host_name);
    }
    if (lines.failed)
        return err_set(err, ERR_NO_MEMORY, "no memory to tidy the lease log");
    int code = log->seam->log_rewrite(log->seam->context, log->handle,
                                      buf_text(&lines), lines.length, err);
    if (!code)
        log->records = count;
    return code;
}

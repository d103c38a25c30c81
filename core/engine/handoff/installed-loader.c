/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the Boot Loader Specification (UAPI.1), type 1: lines of a key, a
 * space and a value. */
#include <stdio.h>
#include <string.h>

#include "core/engine/handoff/installed.h"

#define LINE_BYTES 4096

/* The next line without its end, comments and space around it; false at the
 * end of the text. */
static bool next_line(const char **at, const char *end, char out[LINE_BYTES])
{
    if (*at >= end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    size_t length = (size_t)((newline ? newline : end) - *at);
    const char *from = *at;

    *at += length + 1;
    while (length > 0 && strchr(" \t", *from)) {
        from++;
        length--;
    }
    while (length > 0 && strchr(" \t\r", from[length - 1]))
        length--;
    /* A line too long to be read means nothing rather than its beginning. */
    if (length >= LINE_BYTES || memchr(from, '\0', length))
        length = 0;
    memcpy(out, from, length);
    out[length] = '\0';
    if (out[0] == '#')
        out[0] = '\0';
    return true;
}

/* Ends the key and returns the value. */
static char *split(char *line)
{
    size_t key = strcspn(line, " \t");
    char *value = line + key + strspn(line + key, " \t");

    line[key] = '\0';
    return value;
}

static int add_initrd(struct installed_entry *entry, const char *word,
                      const struct buf *env, struct err *err)
{
    char value[INSTALLED_PATH_BYTES];

    if (word[0] == '$') { /* Fedora's "$tuned_initrd" is mostly unset */
        if (installed_grubenv_find(env, word + 1, value, sizeof(value)) != 0)
            return 0;
        word = value;
    }
    if (entry->initrd_count == INSTALLED_INITRDS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d initrds",
                       INSTALLED_INITRDS_MAX);
    return installed_path_copy(word, entry->initrd[entry->initrd_count++], err);
}

/* Each word of `text`, which is cut up. */
static int each_word(struct installed_entry *entry, char *text,
                     const struct buf *env,
                     int (*add)(struct installed_entry *entry, const char *word,
                                const struct buf *env, struct err *err),
                     struct err *err)
{
    const char *word;
    int code = 0;

    while (!code && (word = strsep(&text, " \t")))
        if (word[0])
            code = add(entry, word, env, err);
    return code;
}

static int take_key(struct installed_entry *entry, const char *key, char *value,
                    const struct buf *env, char *version, struct err *err)
{
    if (strcmp(key, "title") == 0) {
        (void)snprintf(entry->title, sizeof(entry->title), "%s", value);
    } else if (strcmp(key, "version") == 0) {
        (void)snprintf(version, INSTALLED_NAME_BYTES, "%s", value);
    } else if (strcmp(key, "linux") == 0) {
        return installed_path_copy(value, entry->kernel, err);
    } else if (strcmp(key, "efi") == 0) {
        entry->unified = true;
        return installed_path_copy(value, entry->kernel, err);
    } else if (strcmp(key, "options") == 0) {
        return each_word(entry, value, env, installed_line_add, err);
    } else if (strcmp(key, "initrd") == 0) {
        return each_word(entry, value, env, add_initrd, err);
    }
    return 0; /* other keys do not change what is started */
}

int installed_loader_parse(const char *text, size_t length,
                           const struct buf *env, struct installed_entry *ret,
                           char sort[INSTALLED_NAME_BYTES], struct err *err)
{
    struct installed_entry entry = {0};
    char line[LINE_BYTES];
    char version[INSTALLED_NAME_BYTES] = "";
    const char *at = text;

    while (next_line(&at, text + length, line)) {
        char *value = split(line);
        int code = take_key(&entry, line, value, env, version, err);
        if (code)
            return code;
    }
    if (!entry.kernel[0])
        return err_set(err, ERR_NOT_APPLICABLE,
                       "the boot loader's entry starts no kernel");
    *ret = entry;
    memcpy(sort, version, sizeof(version));
    return 0;
}

void installed_loader_default(const char *text, size_t length,
                              char ret[INSTALLED_NAME_BYTES])
{
    char line[LINE_BYTES];
    const char *at = text;

    ret[0] = '\0';
    while (next_line(&at, text + length, line)) {
        const char *value = split(line);
        if (strcmp(line, "default") == 0)
            (void)snprintf(ret, INSTALLED_NAME_BYTES, "%s", value);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/actions/action-rpc.h"

#include <string.h>
#include <sys/stat.h>

#include "core/util/file.h"

static const char *const phase_words[] = {
    [ACTION_LOADING] = "loading", [ACTION_PROBE] = "probe",
    [ACTION_PREPARE] = "prepare", [ACTION_RUN] = "run",
    [ACTION_VERIFY] = "verify",   [ACTION_ENDED] = "ended",
};

const char *action_phase_word(enum action_phase phase)
{
    return phase_words[phase];
}

int action_phase_parse(const char *word, enum action_phase *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(phase_words); i++) {
        if (strcmp(word, phase_words[i]) == 0) {
            *ret = (enum action_phase)i;
            return 0;
        }
    }
    return -1;
}

int action_text_fd(const void *text, size_t length, struct err *err)
{
    if (length > ACTION_MAX_TEXT_BYTES)
        return err_set(err, ERR_TOO_BIG, "a text of %zu bytes is too long",
                       length);
    return file_sealed_memfd("slipway-text", text, length, err);
}

int action_text_read(int fd, struct buf *ret, struct err *err)
{
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return err_set(err, ERR_INVALID, "a text was expected and none came");
    if (status.st_size < 0 || (uint64_t)status.st_size > ret->max)
        return err_set(err, ERR_TOO_BIG,
                       "a text of %lld bytes is too long, at most %zu fit",
                       (long long)status.st_size, ret->max);
    size_t length = (size_t)status.st_size;
    uint8_t *out = buf_reserve(ret, length);
    if (!out)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for a text");
    if (file_pread_all(fd, out, length, 0, err) < 0)
        return ERR_IO;
    ret->length += length;
    ret->data[ret->length] = '\0';
    return 0;
}

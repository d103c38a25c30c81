/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Command and answer: TPM 2.0 Library part 3, "TPM2_GetCapability"; numbers:
 * part 2, TPM_ST, TPM_CC, TPM_CAP, TPM_PT.  All are big-endian. */
#define TAG_NO_SESSIONS 0x8001u
#define HEADER_BYTES 10 /* tag 2, size 4, result 4 */
#define FIRST_WORD 19   /* then more_data 1, capability 4, count 4 */
#define WORD_BYTES 8    /* property 4, value 4 */
#define CAPABILITY_PROPERTIES 6u
enum {
    PROPERTY_MANUFACTURER = 0x105,
    PROPERTY_MODEL = 0x106, /* the first of four */
    PROPERTY_FIRMWARE_HIGH = 0x10b,
    PROPERTY_FIRMWARE_LOW = 0x10c,
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

/* Four letters, of which a NUL means that there are no more. */
static void put_letters(char out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        uint8_t letter = (uint8_t)(value >> (24 - 8 * i));
        out[i] = letter >= 0x20 && letter <= 0x7e ? (char)letter
                 : letter                         ? '?'
                                                  : '\0';
    }
}

/* Blanks at the end fill the letters up: "STM ". */
static void trim(char *text)
{
    size_t length = strlen(text);
    while (length && text[length - 1] == ' ')
        text[--length] = '\0';
}

/* The pieces of a name that may end in each of them. */
static void join_model(const uint32_t pieces[4], char out[17])
{
    size_t used = 0;
    for (int i = 0; i < 4; i++) {
        char letters[5] = "";
        put_letters(letters, pieces[i]);
        for (const char *c = letters; *c; c++)
            if (used || *c != ' ')
                out[used++] = *c;
    }
    out[used] = '\0';
    trim(out);
}

int tpm_parse(const uint8_t *data, size_t length, struct tpm_maker *ret)
{
    struct tpm_maker maker = {.model = ""};
    uint32_t model[4] = {0}, high = 0, low = 0;
    if (length < FIRST_WORD || (data[0] << 8 | data[1]) != TAG_NO_SESSIONS ||
        be32(data + 2) != length || be32(data + 6) != 0 ||
        be32(data + HEADER_BYTES + 1) != CAPABILITY_PROPERTIES)
        return -1;
    uint32_t count = be32(data + HEADER_BYTES + 5);
    if (count > (length - FIRST_WORD) / WORD_BYTES)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = data + FIRST_WORD + i * WORD_BYTES;
        uint32_t property = be32(at), value = be32(at + 4);
        if (property == PROPERTY_MANUFACTURER)
            put_letters(maker.manufacturer, value);
        else if (property >= PROPERTY_MODEL && property < PROPERTY_MODEL + 4)
            model[property - PROPERTY_MODEL] = value;
        else if (property == PROPERTY_FIRMWARE_HIGH)
            high = value;
        else if (property == PROPERTY_FIRMWARE_LOW)
            low = value;
    }
    trim(maker.manufacturer);
    join_model(model, maker.model);
    if (high || low)
        (void)snprintf(maker.firmware, sizeof(maker.firmware), "%u.%u.%u.%u",
                       high >> 16, high & 0xffff, low >> 16, low & 0xffff);
    *ret = maker;
    return 0;
}

/* The kernel takes a command whole by write and gives the answer whole by
 * read; without O_NONBLOCK, write would last as long as the module likes. */
static int ask(const struct slipway_action_host *host, struct tpm_maker *ret)
{
    static const uint8_t command[] = {
        0x80, 0x01, 0, 0, 0, 22, /* tag, size */
        0,    0,    1, 0x7a,     /* TPM2_GetCapability */
        0,    0,    0, CAPABILITY_PROPERTIES,
        0,    0,    1, PROPERTY_MANUFACTURER & 0xff,
        0,    0,    0, TPM_WORDS};
    /* Room for one byte more: a longer answer is then seen to be odd. */
    uint8_t answer[TPM_ANSWER_BYTES + 1];
    int fd = open("/dev/tpm0", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t got = -1;
    if (fd < 0)
        return -1;
    uint64_t deadline_ms = host->now_ms(host) + TPM_LIMIT_MS;
    if (write(fd, command, sizeof(command)) == (ssize_t)sizeof(command)) {
        int rc = 0;
        do {
            uint64_t now_ms = host->now_ms(host);
            rc = poll(&ready, 1,
                      now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0);
        } while (rc < 0 && errno == EINTR);
        if (rc > 0)
            got = read(fd, answer, sizeof(answer));
    }
    (void)close(fd);
    return got < 0 ? -1 : tpm_parse(answer, (size_t)got, ret);
}

static int put_text(json_t *tpm, const char *key, const char *text)
{
    return *text ? json_object_set_new(tpm, key, json_string(text)) : 0;
}

int tpm_add(const struct slipway_action_host *host, json_t *facts)
{
    struct tpm_maker maker;
    json_t *tpm = json_object_get(facts, "tpm");
    const char *version = json_string_value(json_object_get(tpm, "version"));
    if (!version || strcmp(version, "2.0") || ask(host, &maker))
        return SLIPWAY_OK;
    if (put_text(tpm, "manufacturer", maker.manufacturer) ||
        put_text(tpm, "model", maker.model) ||
        put_text(tpm, "firmware", maker.firmware))
        return host->fail(host, SLIPWAY_EINTERNAL,
                          "not enough memory for the inventory");
    return SLIPWAY_OK;
}

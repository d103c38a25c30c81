/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/facts/facts.h"

#include <stdio.h>
#include <string.h>

#include "core/engine/facts/facts-internal.h"
#include "core/util/bytes.h"

/* DMTF DSP0134, section 7: structure types and offsets of their fields. */
enum {
    TYPE_BIOS = 0,
    TYPE_SYSTEM = 1,
    TYPE_BOARD = 2,
    TYPE_CHASSIS = 3,
    TYPE_PROCESSOR = 4,
    TYPE_MEMORY = 17,
    TYPE_END = 127,
};
#define STRUCTURES_MAX 4096
#define ENTRIES_MAX 1024 /* sockets, memory modules */
#define STRING_MAX 120
#define HEADER_BYTES 4

struct structure {
    const uint8_t *data;
    size_t length; /* of the formatted part */
    const uint8_t *strings;
    size_t strings_length; /* with the two NULs at the end */
};

/* The next structure; false at the end of the table or of what makes sense. */
static bool next_structure(struct cursor *c, struct structure *ret)
{
    if (cursor_left(c) < HEADER_BYTES)
        return false;
    const uint8_t *start = c->at;
    size_t length = start[1];
    if (length < HEADER_BYTES || !cursor_take(c, length))
        return false;
    const uint8_t *strings = c->at;
    while (cursor_left(c) >= 2) {
        if (c->at[0] == 0 && c->at[1] == 0) {
            (void)cursor_take(c, 2);
            *ret = (struct structure){start, length, strings,
                                      (size_t)(c->at - strings)};
            return true;
        }
        (void)cursor_take(c, 1);
    }
    return false;
}

static uint8_t field_u8(const struct structure *s, size_t at)
{
    return at < s->length ? s->data[at] : 0;
}

static uint16_t field_u16(const struct structure *s, size_t at)
{
    return at + 2 <= s->length ? get_le16(s->data + at) : 0;
}

static uint32_t field_u32(const struct structure *s, size_t at)
{
    return at + 4 <= s->length ? get_le32(s->data + at) : 0;
}

/* What vendors leave where a value belongs. */
static bool is_filler(const char *text)
{
    static const char *const fillers[] = {"To Be Filled By O.E.M.",
                                          "To be filled by O.E.M.",
                                          "Default string",
                                          "System Product Name",
                                          "System manufacturer",
                                          "System Serial Number",
                                          "System Version",
                                          "Not Specified",
                                          "Not Applicable",
                                          "None",
                                          "N/A",
                                          "Unknown",
                                          "NO DIMM",
                                          "INVALID",
                                          "O.E.M.",
                                          "Empty"};
    for (size_t i = 0; i < ARRAY_LENGTH(fillers); i++)
        if (!strcmp(text, fillers[i]))
            return true;
    return !*text;
}

/* The string that the byte at `at` numbers, trimmed and printable. */
static bool field_text(const struct structure *s, size_t at,
                       char out[STRING_MAX])
{
    unsigned number = field_u8(s, at);
    const uint8_t *text = s->strings;
    const uint8_t *end = s->strings + s->strings_length;
    out[0] = '\0';
    for (unsigned i = 1; number && text < end && *text; i++) {
        size_t length = strnlen((const char *)text, (size_t)(end - text));
        if (i == number) {
            size_t used = 0;
            for (size_t j = 0; j < length && used + 1 < STRING_MAX; j++)
                if (used || text[j] != ' ')
                    out[used++] = text[j] >= 0x20 && text[j] <= 0x7e
                                      ? (char)text[j]
                                      : '?';
            while (used && out[used - 1] == ' ')
                used--;
            out[used] = '\0';
            return !is_filler(out);
        }
        text += length + 1;
    }
    return false;
}

struct text_field {
    const char *key;
    size_t at;
};

static int put_texts(json_t *object, const struct structure *s,
                     const struct text_field *fields, size_t count)
{
    char text[STRING_MAX];
    for (size_t i = 0; i < count; i++)
        if (field_text(s, fields[i].at, text) &&
            json_object_set_new(object, fields[i].key, json_string(text)))
            return -1;
    return 0;
}

static int put_number(json_t *object, const char *key, uint64_t value)
{
    return value ? json_object_set_new(object, key,
                                       json_integer((json_int_t)value))
                 : 0;
}

/* A new object at the end of the array `key` of `parent`; NULL = no memory
 * or enough of them. */
static json_t *array_entry(json_t *parent, const char *key)
{
    json_t *array = json_object_get(parent, key);
    if (!array) {
        if (json_object_set_new(parent, key, json_array()))
            return NULL;
        array = json_object_get(parent, key);
    }
    json_t *entry = json_object();
    if (json_array_size(array) >= ENTRIES_MAX ||
        json_array_append(array, entry)) {
        json_decref(entry);
        return NULL;
    }
    json_decref(entry); /* the array holds it */
    return entry;
}

/* DSP0134 7.2.1: the first three fields are little-endian from 2.6 on, and
 * nearly everywhere before. */
static int put_uuid(json_t *object, const struct structure *s)
{
    static const uint8_t order[16] = {3, 2, 1,  0,  5,  4,  7,  6,
                                      8, 9, 10, 11, 12, 13, 14, 15};
    char text[37];
    size_t used = 0;
    bool zero = true, ones = true;
    if (s->length < 8 + sizeof(order))
        return 0;
    for (size_t i = 0; i < sizeof(order); i++) {
        uint8_t byte = s->data[8 + order[i]];
        zero &= byte == 0;
        ones &= byte == 0xff;
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[used++] = '-';
        (void)snprintf(text + used, sizeof(text) - used, "%02x", byte);
        used += 2;
    }
    return zero || ones
               ? 0
               : json_object_set_new(object, "uuid", json_string(text));
}

static int add_system(json_t *facts, const struct structure *s)
{
    static const struct text_field fields[] = {{"vendor", 4},  {"product", 5},
                                               {"version", 6}, {"serial", 7},
                                               {"sku", 25},    {"family", 26}};
    json_t *object = facts_object_at(facts, "system");
    if (!object || put_texts(object, s, fields, ARRAY_LENGTH(fields)))
        return -1;
    return put_uuid(object, s);
}

static int add_plain(json_t *facts, const char *key, const struct structure *s,
                     const struct text_field *fields, size_t count)
{
    json_t *object = facts_object_at(facts, key);
    return object ? put_texts(object, s, fields, count) : -1;
}

static int add_processor(json_t *facts, const struct structure *s)
{
    static const struct text_field fields[] = {
        {"socket", 4}, {"vendor", 7}, {"model", 16}, {"serial", 32}};
    if (!(field_u8(s, 24) & 0x40))
        return 0; /* an empty socket */
    json_t *cpu = array_entry(facts, "cpus");
    if (!cpu)
        return 0;
    /* One byte each until 2.5; 255 means: see the wide field of 3.0. */
    uint64_t cores = field_u8(s, 35), threads = field_u8(s, 37);
    if (cores == 0xff)
        cores = field_u16(s, 42);
    if (threads == 0xff)
        threads = field_u16(s, 46);
    if (put_texts(cpu, s, fields, ARRAY_LENGTH(fields)) ||
        put_number(cpu, "cores", cores) ||
        put_number(cpu, "threads", threads) ||
        put_number(cpu, "mhz", field_u16(s, 22)))
        return -1;
    return 0;
}

/* DSP0134 7.18.5: MiB, or KiB with bit 15; 0x7fff = see the wide field. */
static uint64_t module_bytes(const struct structure *s)
{
    uint16_t size = field_u16(s, 12);
    if (size == 0 || size == 0xffff)
        return 0;
    if (size == 0x7fff)
        return (uint64_t)(field_u32(s, 28) & 0x7fffffff) << 20;
    if (size & 0x8000)
        return (uint64_t)(size & 0x7fff) << 10;
    return (uint64_t)size << 20;
}

static const char *memory_kind(uint8_t kind)
{
    static const struct {
        uint8_t kind;
        const char *word;
    } kinds[] = {{0x12, "DDR"},    {0x13, "DDR2"},   {0x18, "DDR3"},
                 {0x1a, "DDR4"},   {0x1b, "LPDDR"},  {0x1c, "LPDDR2"},
                 {0x1d, "LPDDR3"}, {0x1e, "LPDDR4"}, {0x20, "HBM"},
                 {0x21, "HBM2"},   {0x22, "DDR5"},   {0x23, "LPDDR5"}};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].word;
    return NULL;
}

/* DSP0134 7.18.4: MT/s; 0xffff = see the wide field of 3.3, 0 = unknown. */
static uint64_t module_speed(const struct structure *s, size_t at,
                             size_t wide_at)
{
    uint16_t speed = field_u16(s, at);
    return speed == 0xffff ? field_u32(s, wide_at) & 0x7fffffff : speed;
}

static int count_slot(json_t *memory)
{
    json_int_t slots = json_integer_value(json_object_get(memory, "slots"));
    return json_object_set_new(memory, "slots", json_integer(slots + 1));
}

static int add_module(json_t *facts, const struct structure *s)
{
    static const struct text_field fields[] = {
        {"slot", 16}, {"vendor", 23}, {"serial", 24}, {"part", 26}};
    uint64_t bytes = module_bytes(s);
    json_t *memory = facts_object_at(facts, "memory");
    if (!memory || count_slot(memory))
        return -1;
    json_t *module = bytes ? array_entry(memory, "modules") : NULL;
    if (!module)
        return 0; /* an empty slot */
    const char *kind = memory_kind(field_u8(s, 18));
    if (put_texts(module, s, fields, ARRAY_LENGTH(fields)) ||
        put_number(module, "bytes", bytes) ||
        put_number(module, "mt_s", module_speed(s, 21, 84)) ||
        put_number(module, "configured_mt_s", module_speed(s, 32, 88)))
        return -1;
    return kind ? json_object_set_new(module, "kind", json_string(kind)) : 0;
}

static int add_structure(json_t *facts, const struct structure *s)
{
    static const struct text_field bios[] = {
        {"vendor", 4}, {"version", 5}, {"date", 8}};
    static const struct text_field board[] = {
        {"vendor", 4},
        {"product", 5},
        {"version", 6},
        {"serial", 7},
        {"asset", 8}};
    static const struct text_field chassis[] = {
        {"vendor", 4}, {"version", 6}, {"serial", 7}, {"asset", 8}};
    switch (s->data[0]) {
    case TYPE_BIOS:
        return add_plain(facts, "firmware", s, bios, ARRAY_LENGTH(bios));
    case TYPE_SYSTEM:
        return add_system(facts, s);
    case TYPE_BOARD:
        return add_plain(facts, "board", s, board, ARRAY_LENGTH(board));
    case TYPE_CHASSIS:
        return add_plain(facts, "chassis", s, chassis, ARRAY_LENGTH(chassis));
    case TYPE_PROCESSOR:
        return add_processor(facts, s);
    case TYPE_MEMORY:
        return add_module(facts, s);
    default:
        return 0;
    }
}

int facts_add_smbios(json_t *facts, const uint8_t *table, size_t length)
{
    struct cursor c = cursor_on(table, length);
    struct structure s;
    for (int i = 0; i < STRUCTURES_MAX && next_structure(&c, &s); i++) {
        if (s.data[0] == TYPE_END)
            break;
        if (add_structure(facts, &s))
            return -1;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the pages of a disk say. */
#include "health.h"

#include <string.h>

/* NVM Express Base Specification 2.0, figure 207. */
enum {
    NVME_WARNING = 0,
    NVME_TEMPERATURE = 1,
    NVME_SPARE = 3,
    NVME_SPARE_LIMIT = 4,
    NVME_WEAR = 5,
    NVME_READ = 32,
    NVME_WRITTEN = 48,
    NVME_CYCLES = 112,
    NVME_HOURS = 128,
    NVME_UNSAFE = 144,
    NVME_MEDIA_ERRORS = 160,
};
#define NVME_UNIT_BYTES 512000 /* a "data unit": a thousand sectors of 512 */
#define KELVIN 273

/* Attributes that mean the same on the disks of every vendor. */
enum {
    ATA_REALLOCATED = 5,
    ATA_HOURS = 9,
    ATA_CYCLES = 12,
    ATA_AIRFLOW_TEMPERATURE = 190,
    ATA_TEMPERATURE = 194,
    ATA_PENDING = 197,
    ATA_UNCORRECTABLE = 198,
};
#define ATA_FIRST 2 /* of thirty entries of twelve bytes */
#define ATA_ENTRIES 30
#define ATA_ENTRY_BYTES 12

/* Additional sense codes of "informational exceptions" (SPC-4 annex F). */
#define ASC_WARNING 0x0b
#define ASC_FAILURE 0x5d

static int put_number(json_t *health, const char *key, uint64_t value)
{
    json_int_t number = value > INT64_MAX ? INT64_MAX : (json_int_t)value;
    return json_object_set_new(health, key, json_integer(number));
}

/* The lower half of a 128-bit count; all ones when the upper one counts. */
static uint64_t le128(const uint8_t *at)
{
    uint64_t low = 0, high = 0;
    for (int i = 7; i >= 0; i--) {
        low = low << 8 | at[i];
        high = high << 8 | at[8 + i];
    }
    return high ? UINT64_MAX : low;
}

static uint64_t nvme_bytes(const uint8_t *at)
{
    uint64_t units = le128(at);
    return units > UINT64_MAX / NVME_UNIT_BYTES ? UINT64_MAX
                                                : units * NVME_UNIT_BYTES;
}

/* Bits of the critical warning, and which of them mean that data is lost
 * soon. */
static int put_nvme_warnings(json_t *health, uint8_t bits)
{
    static const struct {
        const char *word;
        int failing;
    } warnings[] = {{"spare-low", 0},     {"temperature", 0},
                    {"unreliable", 1},    {"read-only", 1},
                    {"backup-failed", 1}, {"persistent-memory", 1}};
    const char *status = "good";
    json_t *words = json_array();
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        if (!(bits & 1u << i))
            continue;
        (void)json_array_append_new(words, json_string(warnings[i].word));
        if (warnings[i].failing)
            status = "failing";
        else if (!strcmp(status, "good"))
            status = "warning";
    }
    if (json_array_size(words) == 0)
        json_decref(words);
    else if (json_object_set_new(health, "warnings", words))
        return -1;
    return json_object_set_new(health, "status", json_string(status));
}

static int put_nvme(json_t *health, const uint8_t *page)
{
    unsigned kelvin = (unsigned)page[NVME_TEMPERATURE] |
                      (unsigned)page[NVME_TEMPERATURE + 1] << 8;
    if (put_nvme_warnings(health, page[NVME_WARNING]) ||
        put_number(health, "spare_percent", page[NVME_SPARE]) ||
        put_number(health, "spare_limit_percent", page[NVME_SPARE_LIMIT]) ||
        put_number(health, "wear_percent", page[NVME_WEAR]) ||
        put_number(health, "read_bytes", nvme_bytes(page + NVME_READ)) ||
        put_number(health, "written_bytes", nvme_bytes(page + NVME_WRITTEN)) ||
        put_number(health, "power_cycles", le128(page + NVME_CYCLES)) ||
        put_number(health, "power_on_hours", le128(page + NVME_HOURS)) ||
        put_number(health, "unsafe_shutdowns", le128(page + NVME_UNSAFE)) ||
        put_number(health, "media_errors", le128(page + NVME_MEDIA_ERRORS)))
        return -1;
    /* 0 K: it has no thermometer. */
    return kelvin ? json_object_set_new(health, "temperature_c",
                                        json_integer((int)kelvin - KELVIN))
                  : 0;
}

struct attribute {
    uint8_t id; /* 0 = an empty entry */
    uint8_t value;
    uint8_t limit;
    uint8_t foretells; /* below the limit it foretells the end */
    uint64_t raw;      /* 48 bits */
};

static struct attribute attribute_at(const struct health_pages *pages, int i)
{
    const uint8_t *at = pages->ata + ATA_FIRST + i * ATA_ENTRY_BYTES;
    struct attribute a = {.id = at[0], .foretells = at[1] & 1, .value = at[3]};
    for (int j = 5; j >= 0; j--)
        a.raw = a.raw << 8 | at[5 + j];
    /* Both tables have the same order, but nothing says that they must. */
    for (int j = 0; pages->has_limits && j < ATA_ENTRIES; j++) {
        const uint8_t *limit = pages->limits + ATA_FIRST + j * ATA_ENTRY_BYTES;
        if (limit[0] == a.id)
            a.limit = limit[1];
    }
    return a;
}

/* Of vendors' raw values only the part that all of them mean the same by:
 * hours in the lower 24 bits, degrees in the lowest byte. */
static int put_attribute(json_t *health, const struct attribute *a)
{
    switch (a->id) {
    case ATA_REALLOCATED:
        return put_number(health, "reallocated_sectors", a->raw & UINT32_MAX);
    case ATA_HOURS:
        return put_number(health, "power_on_hours", a->raw & 0xffffff);
    case ATA_CYCLES:
        return put_number(health, "power_cycles", a->raw & UINT32_MAX);
    case ATA_AIRFLOW_TEMPERATURE: /* comes first; 194 says it better */
    case ATA_TEMPERATURE:
        return put_number(health, "temperature_c", a->raw & 0xff);
    case ATA_PENDING:
        return put_number(health, "pending_sectors", a->raw & UINT32_MAX);
    case ATA_UNCORRECTABLE:
        return put_number(health, "uncorrectable_sectors", a->raw & UINT32_MAX);
    default:
        return 0;
    }
}

/* Adds the figures, and the ids below their limits as `failing_attributes`. */
static int put_attributes(json_t *health, const struct health_pages *pages,
                          int *ret_failing)
{
    json_t *failing = json_array();
    for (int i = 0; i < ATA_ENTRIES; i++) {
        struct attribute a = attribute_at(pages, i);
        /* 0, 254 and 255 are no values (ATA-3, 8.31.5). */
        if (a.foretells && a.id && a.limit && a.value && a.value < 254 &&
            a.value <= a.limit)
            (void)json_array_append_new(failing, json_integer(a.id));
        if (put_attribute(health, &a)) {
            json_decref(failing);
            return -1;
        }
    }
    *ret_failing = json_array_size(failing) > 0;
    if (*ret_failing)
        return json_object_set_new(health, "failing_attributes", failing);
    json_decref(failing);
    return 0;
}

static int sectors(const json_t *health, const char *key)
{
    return json_integer_value(json_object_get(health, key)) > 0;
}

/* The disk's own verdict comes late: sectors that cannot be read any more are
 * a warning before it. */
static int put_ata(json_t *health, const struct health_pages *pages)
{
    int failing = 0;
    const char *status = "unknown";
    if (pages->has_ata && put_attributes(health, pages, &failing))
        return -1;
    if (failing || pages->verdict == HEALTH_VERDICT_FAILING)
        status = "failing";
    else if (sectors(health, "pending_sectors") ||
             sectors(health, "uncorrectable_sectors"))
        status = "warning";
    else if (pages->verdict == HEALTH_VERDICT_PASSED || pages->has_ata)
        status = "good";
    return json_object_set_new(health, "status", json_string(status));
}

/* SPC-4 7.3.11: page header, then parameter 0: code, control, length,
 * additional sense code and qualifier, temperature. */
static int put_scsi(json_t *health, const struct health_pages *pages)
{
    enum { PARAMETER = 4, ASC = 8, ASCQ = 9, TEMPERATURE = 10 };
    const uint8_t *page = pages->scsi;
    const char *status = "good";
    if (pages->scsi_length <= ASCQ || page[PARAMETER + 3] < 2)
        return json_object_set_new(health, "status", json_string("unknown"));
    if (page[ASC] == ASC_FAILURE)
        status = "failing";
    else if (page[ASC] == ASC_WARNING)
        status = "warning";
    if (page[ASC] && (put_number(health, "sense_code", page[ASC]) ||
                      put_number(health, "sense_qualifier", page[ASCQ])))
        return -1;
    if (pages->scsi_length > TEMPERATURE && page[PARAMETER + 3] >= 3 &&
        page[TEMPERATURE] != 0 && page[TEMPERATURE] != 0xff &&
        put_number(health, "temperature_c", page[TEMPERATURE]))
        return -1;
    return json_object_set_new(health, "status", json_string(status));
}

json_t *health_unknown(const char *finding)
{
    return json_pack("{s:s, s:s}", "status", "unknown", "finding", finding);
}

json_t *health_json(const struct health_pages *pages)
{
    static const char *const sources[] = {"none", "nvme", "ata", "scsi"};
    if (pages->kind == HEALTH_NONE || pages->kind > HEALTH_SCSI)
        return health_unknown("it has nothing that tells its health");
    json_t *health = json_pack("{s:s}", "source", sources[pages->kind]);
    int rc = pages->kind == HEALTH_NVME  ? put_nvme(health, pages->nvme)
             : pages->kind == HEALTH_ATA ? put_ata(health, pages)
                                         : put_scsi(health, pages);
    if (rc == 0)
        return health;
    json_decref(health);
    return NULL;
}

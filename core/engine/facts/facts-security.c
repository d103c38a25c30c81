/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware and the TPM say about how far this machine is trusted. */
#include "core/engine/facts/facts-internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/util/json.h"
#include "core/util/num.h"

#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFIVARFS_ATTRIBUTES 4 /* bytes before the value in a file */

/* A variable that holds one byte, 0 or 1 (UEFI 2.10 section 3.3); a machine
 * that does not have it leaves the fact out. */
static int put_variable(json_t *firmware, const char *key, const char *root,
                        const char *path)
{
    AUTO_BUF data = BUF_INIT(8192);
    if (facts_read(root, path, &data) ||
        data.length != EFIVARFS_ATTRIBUTES + 1 ||
        data.data[EFIVARFS_ATTRIBUTES] > 1)
        return 0;
    return json_object_set_new(firmware, key,
                               json_boolean(data.data[EFIVARFS_ATTRIBUTES]));
}

static int add_firmware(json_t *facts, const char *root)
{
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/sys/firmware/efi", root) < 0) {
        path = NULL;
        return -1;
    }
    bool uefi = access(path, F_OK) == 0;
    json_t *firmware = facts_object_at(facts, "firmware");
    if (!firmware || facts_put_text(firmware, "kind", uefi ? "uefi" : "bios") ||
        put_variable(firmware, "secure_boot", root,
                     "/sys/firmware/efi/efivars/SecureBoot-" EFI_GLOBAL))
        return -1;
    return put_variable(firmware, "setup_mode", root,
                        "/sys/firmware/efi/efivars/SetupMode-" EFI_GLOBAL);
}

/* TPM 1.2 says who made it in `caps`: "Manufacturer: 0x49465800", which are
 * the letters "IFX". */
static int put_manufacturer(json_t *tpm, const char *folder)
{
    static const char label[] = "Manufacturer: 0x";
    char text[64], letters[5] = "";
    uint64_t number = 0;
    facts_text(folder, "caps", text, sizeof(text));
    if (strncmp(text, label, strlen(label)) ||
        num_parse_hex(text + strlen(label), UINT32_MAX, &number, NULL))
        return 0;
    for (int i = 0; i < 4; i++) {
        char letter = (char)(number >> (24 - 8 * i));
        if (letter < 0x20 || letter > 0x7e)
            break;
        letters[i] = letter;
    }
    return facts_put_text(tpm, "manufacturer", letters);
}

static int add_tpm(json_t *facts, const char *root)
{
    char text[128], version[8] = "1.2"; /* older kernels: 1.2 has no file */
    AUTO_FREE char *folder = NULL;
    if (asprintf(&folder, "%s/sys/class/tpm/tpm0", root) < 0) {
        folder = NULL;
        return -1;
    }
    if (access(folder, F_OK))
        return 0;
    facts_text(folder, "tpm_version_major", text, sizeof(text));
    if (!strcmp(text, "2"))
        (void)snprintf(version, sizeof(version), "2.0");
    json_t *tpm = facts_object_at(facts, "tpm");
    if (!tpm || facts_put_text(tpm, "version", version) ||
        put_manufacturer(tpm, folder))
        return -1;
    facts_text(folder, "device/description", text, sizeof(text));
    return facts_put_text(tpm, "description", text);
}

int facts_add_security(json_t *facts, const char *root)
{
    return add_firmware(facts, root) || add_tpm(facts, root) ? -1 : 0;
}

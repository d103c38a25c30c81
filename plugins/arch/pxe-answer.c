/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/arch/pxe-answer.h"

#include <stdio.h>

#define URL_BYTES 128 /* the header's field `file` with its NUL */

int pxe_answer_is_wanted(const struct slipway_boot_request *request)
{
    return request->kind == SLIPWAY_BOOT_DHCP_DISCOVER ||
           request->kind == SLIPWAY_BOOT_DHCP_REQUEST ||
           request->kind == SLIPWAY_BOOT_PXE_REQUEST;
}

/*
 * Class `PXEClient` and discovery control with bit 3: "there is a boot file,
 * download it now".  No ROM then shows a menu, looks for a boot server or
 * waits for a proxy.  EDK2 takes our offer before any other (it sorts DHCP
 * with PXE tags first) and asks no port 4011; with the class alone it would
 * go to 4011 always, and without the class a foreign proxy server on the
 * network would win over us.
 */
int pxe_answer_tags(const struct slipway_boot_writer *writer)
{
    static const unsigned char direct[] = {6, 1, 0x08, 0xff};
    static const char class_id[] = "PXEClient";
    int code = writer->option(writer, PXE_OPTION_CLASS_ID, class_id,
                              sizeof(class_id) - 1);
    if (code)
        return code;
    return writer->option(writer, PXE_OPTION_VENDOR, direct, sizeof(direct));
}

int pxe_answer_url(const struct slipway_boot_intent *intent,
                   const struct slipway_boot_writer *writer, const char *file)
{
    char url[URL_BYTES];
    int length =
        snprintf(url, sizeof(url), "%s/boot/%s", intent->http_base, file);
    if (length < 0 || (size_t)length >= sizeof(url))
        return writer->fail(writer, SLIPWAY_ENOSPACE,
                            "the boot file's address is longer than a DHCP "
                            "answer can hold");
    return writer->boot_file(writer, url);
}

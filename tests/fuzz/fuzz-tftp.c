/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets for the TFTP server.  The input is a sequence of packets: one byte
 * (even: the request port, odd: the port of the transfer that answered), two
 * bytes of length, the packet.
 */
#include "core/util/bytes.h"
#include "core/util/log.h"
#include "tests/unit/tftp-world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_line(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tftp_world w;
    struct tftp_client c;
    struct cursor in = cursor_on(data, size);
    log_set_sink(ignore_line, NULL);
    tftp_world_start(&w, 1);
    tftp_publish(&w, "file.efi", 3000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    c.habits = HABIT_SILENT; /* what is said is the input */
    for (int i = 0; i < 16 && cursor_left(&in) > 3; i++) {
        uint8_t where = cursor_u8(&in);
        size_t length = cursor_be16(&in);
        const uint8_t *bytes = cursor_take(&in, length);
        if (!bytes)
            break;
        if (where & 1)
            tftp_send_transfer(&c, bytes, length);
        else
            tftp_send_raw(&c, TFTP_SERVER, bytes, length);
        loop_run_for(w.loop, 5);
    }
    loop_run_for(w.loop, 100000);
    tftp_client_done(&c);
    tftp_world_end(&w);
    return 0;
}

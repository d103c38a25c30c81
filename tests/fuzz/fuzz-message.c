/* SPDX-License-Identifier: Apache-2.0 */
/* Everything the other side of the engine's connection may send: the first
 * byte chooses the message. */
#include <string.h>

#include "core/profile/plan.h"
#include "core/util/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union {
        struct message_hello hello;
        struct message_welcome welcome;
        struct message_plan plan;
        struct message_report report;
        struct message_report_reply reply;
    } m;
    struct err err = ERR_INIT;
    if (size < 1)
        return 0;
    AUTO_JSON *json = json_parse(data + 1, size - 1, MESSAGE_MAX_BYTES, &err);
    AUTO_PLAN *plan = NULL;
    if (data[0] == '5')
        (void)plan_parse((const char *)data + 1, size - 1, &plan, &err);
    if (!json)
        return 0;
    switch (data[0]) {
    case '0':
        (void)message_hello_parse(json, &m.hello, &err);
        break;
    case '1':
        (void)message_welcome_parse(json, &m.welcome, &err);
        break;
    case '2':
        if (message_plan_parse(json, &m.plan, &err) == 0)
            message_plan_done(&m.plan);
        break;
    case '3':
        if (message_report_parse(json, &m.report, &err) == 0)
            message_report_done(&m.report);
        break;
    case '4':
        (void)message_report_reply_parse(json, &m.reply, &err);
        break;
    default:
        break;
    }
    return 0;
}

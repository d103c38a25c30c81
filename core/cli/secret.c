/* SPDX-License-Identifier: Apache-2.0 */
/* slipway secret set: the value comes from standard input, because words of a
 * command line are seen by everybody and kept in histories. */
#include <string.h>
#include <termios.h>

#include "core/cli/rest.h"
#include "core/util/buf.h"

#define VALUE_MAX (64u << 10) /* the server says what is too long */

/* Keys that are pressed are not shown meanwhile; false when standard input is
 * no terminal. */
static bool hide_keys(struct termios *ret_before)
{
    struct termios hidden;
    if (tcgetattr(STDIN_FILENO, ret_before))
        return false;
    hidden = *ret_before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
}

/* One line from a terminal, everything from a pipe. */
static int read_value(struct buf *ret, bool line)
{
    for (;;) {
        uint8_t *room = buf_reserve(ret, 4096);
        ssize_t got = room ? read(STDIN_FILENO, room, 4096) : -1;
        if (got < 0 && room && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        ret->length += (size_t)got;
        if (got == 0 || (line && memchr(room, '\n', (size_t)got)))
            break;
    }
    if (ret->length && ret->data[ret->length - 1] == '\n')
        ret->length--;
    if (ret->data)
        ret->data[ret->length] = '\0';
    return memchr(buf_text(ret), '\0', ret->length) ? -1 : 0;
}

static int ask_value(const struct cli *cli, struct buf *ret)
{
    struct termios before;
    bool hidden = hide_keys(&before);
    if (hidden)
        (void)fprintf(stderr, "Value of secret '%s': ", cli->args[0]);
    int code = read_value(ret, hidden);
    if (hidden) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    return code;
}

int secret_set(struct cli *cli)
{
    const char *tier = cli_option(cli, "min-tier");
    AUTO_BUF value = BUF_INIT(VALUE_MAX);
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);

    if (ask_value(cli, &value) || !path)
        return cli_fail(EXIT_FAILED, "the value cannot be read from standard "
                                     "input");
    json_t *body =
        json_pack("{s:s, s:s*}", "value", buf_text(&value), "min_tier", tier);
    if (value.data)
        explicit_bzero(value.data, value.length);
    if (!body)
        return cli_fail(EXIT_FAILED, "the value is not UTF-8 text");
    return cli_call_and_show(
        cli,
        &(struct rest_request){.method = "PUT", .path = path, .body = body});
}

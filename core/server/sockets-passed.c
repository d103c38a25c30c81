/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/sockets-passed.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/macros.h"
#include "core/util/num.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* How many, 0 when they are meant for another process. */
static int read_count(size_t *ret, struct err *err)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    uint64_t number = 0;
    *ret = 0;
    if (!pid || !count)
        return 0;
    if (num_parse_u64(pid, 1, INT32_MAX, &number, NULL) < 0)
        return err_set(err, ERR_INVALID, "LISTEN_PID in the environment is no "
                       "process number");
    if (number != (uint64_t)getpid())
        return 0;
    if (num_parse_u64(count, 0, PASSED_MAX, &number, NULL) < 0)
        return err_set(err, ERR_INVALID, "LISTEN_FDS in the environment is no "
                       "number from 0 to %d", PASSED_MAX);
    *ret = (size_t)number;
    return 0;
}

/* "https:http:dhcp", one name for each. */
static int read_names(struct passed_sockets *ret, const char *names,
                      struct err *err)
{
    for (size_t i = 0; i < ret->count; i++) {
        size_t length = strcspn(names, ":");
        if (length == 0 || length >= PASSED_NAME_BYTES ||
            (names[length] == ':') != (i + 1 < ret->count))
            return err_set(err, ERR_INVALID, "%zu sockets were passed and "
                           "LISTEN_FDNAMES does not name as many: give each "
                           "its FileDescriptorName=", ret->count);
        memcpy(ret->sockets[i].name, names, length);
        names += length + (names[length] == ':');
    }
    return 0;
}

int passed_sockets_read(struct passed_sockets *ret, struct err *err)
{
    memset(ret, 0, sizeof(*ret));
    int code = read_count(&ret->count, err);
    for (size_t i = 0; i < ret->count; i++)
        ret->sockets[i].fd = FIRST_FD + (int)i;
    const char *names = getenv("LISTEN_FDNAMES");
    if (code == 0 && ret->count > 0)
        code = read_names(ret, names ? names : "", err);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return code;
}

static bool has_option(int fd, int option, int wanted)
{
    int value = 0;
    socklen_t length = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 &&
           value == wanted;
}

int passed_sockets_take(struct passed_sockets *passed, const char *name,
                        int type, int *ret_fd, struct err *err)
{
    *ret_fd = -1;
    for (size_t i = 0; i < passed->count; i++) {
        int fd = passed->sockets[i].fd;
        if (fd < 0 || strcmp(passed->sockets[i].name, name) != 0)
            continue;
        if (!has_option(fd, SO_DOMAIN, AF_INET) || !has_option(fd, SO_TYPE, type))
            return err_set(err, ERR_INVALID, "the socket '%s' that was passed "
                           "is no IPv4 %s socket: say %s=0.0.0.0:PORT in its "
                           "unit", name, type == SOCK_STREAM ? "TCP" : "UDP",
                           type == SOCK_STREAM ? "ListenStream"
                                               : "ListenDatagram");
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
            fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            return err_set_errno(err, ERR_IO, errno, "the socket '%s' that "
                                 "was passed cannot be used", name);
        *ret_fd = fd;
        passed->sockets[i].fd = -1;
        return 0;
    }
    return 0;
}

int passed_sockets_done(struct passed_sockets *passed, struct err *err)
{
    int code = 0;
    for (size_t i = 0; i < passed->count; i++) {
        if (passed->sockets[i].fd < 0)
            continue;
        (void)close(passed->sockets[i].fd);
        if (code == 0)
            code = err_set(err, ERR_INVALID, "the socket '%s' that was passed "
                           "is not used: the names are https, http and, with "
                           "'dhcp' in the configuration, dhcp, pxe and tftp, "
                           "each once", passed->sockets[i].name);
    }
    passed->count = 0;
    return code;
}

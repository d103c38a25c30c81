/* SPDX-License-Identifier: Apache-2.0 */
/* slipway image import: a file with a progress bar. */
#include <fcntl.h>
#include <sys/stat.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/num.h"

static int open_image(const char *path, uint64_t *ret_length)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return cli_fail(-EXIT_FAILED, "'%s' cannot be read: %s", path,
                        err_errno_text(errno));
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        (void)close(fd);
        return cli_fail(-EXIT_FAILED, "'%s' is not a file with content", path);
    }
    *ret_length = (uint64_t)status.st_size;
    return fd;
}

int image_import(struct cli *cli)
{
    AUTO_FREE char *base = cli_path(cli, cli->verb->path);
    AUTO_FREE char *path = NULL;
    const char *kind = cli_option(cli, "kind");
    const char *sector = cli_option(cli, "sector-bytes");
    const char *tier = cli_option(cli, "min-tier");
    struct rest_reply reply;
    uint64_t length = 0;
    AUTO_CLOSE int fd = open_image(cli->args[1], &length);
    int code;

    if (fd < 0)
        return EXIT_FAILED;
    if (asprintf(&path, "%s?kind=%s%s%s%s%s", base, kind ? kind : "disk",
                 sector ? "&sector_bytes=" : "", sector ? sector : "",
                 tier ? "&min_tier=" : "", tier ? tier : "") < 0) {
        path = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    code = rest_call(cli,
                     &(struct rest_request){.method = "POST",
                                            .path = path,
                                            .upload = true,
                                            .fd = fd,
                                            .length = length,
                                            .what = cli->args[0]},
                     &reply);
    if (code == 0 && cli->json)
        output_json(reply.json);
    else if (code == 0)
        output_object(reply.json, cli->verb->columns);
    rest_reply_done(&reply);
    return code;
}

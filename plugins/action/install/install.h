/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the action plugin `install` share. */
#ifndef PLUGINS_ACTION_INSTALL_INSTALL_H
#define PLUGINS_ACTION_INSTALL_INSTALL_H

#include <slipway/action.h>

#include <jansson.h>

#define HOSTNAME_BYTES_MAX 63 /* one label, RFC 1123 section 2.1 */

/* The order of the table of parameters. */
enum {
    PARAM_IMAGE,
    PARAM_DISK,
    PARAM_GROW,
    PARAM_HOSTNAME,
    PARAM_MARKER,
    PARAM_USERS,
    PARAM_SSH_KEYS,
    PARAM_NETWORK,
};

/* Records why the step fails and returns `code`. */
int failf(const struct slipway_action_host *host, int code, const char *format,
          ...) __attribute__((format(printf, 3, 4)));

/* files.c: what is written into the installed system.  The checks write
 * nothing: of the parameters alone, and of what the image has room for.
 * `image`: the engine's facts of it. */
int files_check(const struct slipway_action_host *host);
int files_check_image(const struct slipway_action_host *host,
                      const json_t *image);
int files_write(const struct slipway_action_host *host, const json_t *image,
                uint64_t disk_id);

#endif

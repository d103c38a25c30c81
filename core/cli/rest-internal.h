/* SPDX-License-Identifier: Apache-2.0 */
/* What requests and the event stream share of libcurl. */
#ifndef CORE_CLI_REST_INTERNAL_H
#define CORE_CLI_REST_INTERNAL_H

#include <curl/curl.h>

#include "core/cli/rest.h"

/* The handle of this run of the program, without any option set; NULL = no
 * memory. */
CURL *rest_handle(struct cli *cli);
/* Server, CA, TLS and limits.  `url` and `error` must live as long. */
void rest_set_common(struct cli *cli, CURL *curl, const char *url,
                     char error[CURL_ERROR_SIZE]);
/* Adds one; the list as it was when there is no memory. */
struct curl_slist *rest_add_header(struct curl_slist *list, const char *name,
                                   const char *value);
/* Token, types and Idempotency-Key; the caller frees the list. */
struct curl_slist *rest_headers(const struct cli *cli,
                                const struct rest_request *request);
/* Says why a connection did not work, unless quiet, and returns the exit
 * code. */
int rest_say_curl(const struct cli *cli, bool quiet, CURLcode code,
                  const char *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of problems that REST and engines may be answered with
 * (RFC 9457); problems.list is where it is written.  Constant: any thread. */
#ifndef CORE_SERVER_REST_PROBLEM_H
#define CORE_SERVER_REST_PROBLEM_H

#include <jansson.h>

#include "core/util/err.h"

#define PROBLEM_TYPE "/api/v1/problems/" /* type URIs: this and the id */

struct problem {
    const char *id;
    unsigned status;
    const char *title;
    const char *meaning;
    const char *remedy; /* what to do about it */
};

/* The problem with this id; "internal" when there is none. */
const struct problem *problem_get(const char *id);
const struct problem *problem_list(size_t *ret_count);
/* The problem that fits an error code. */
const struct problem *problem_for(int err_code);
/* {"type", "title", "status", "detail", "instance"}; NULL = no memory. */
json_t *problem_document(const struct problem *problem, const char *detail,
                         const char *request_id);

#endif

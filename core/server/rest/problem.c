/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of problems: see problem.h. */
#include "core/server/rest/problem.h"

#include <string.h>

#include "core/util/macros.h"

/* problems.list is where they are written. */
static const struct problem catalogue[] = {
#include "core/server/rest/problem-table.h"
};

const struct problem *problem_get(const char *id)
{
    for (size_t i = 0; i < ARRAY_LENGTH(catalogue); i++)
        if (strcmp(catalogue[i].id, id) == 0)
            return &catalogue[i];
    return &catalogue[0];
}

const struct problem *problem_list(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(catalogue);
    return catalogue;
}

static const char *id_for(int code)
{
    switch (code) {
    case ERR_INVALID:
    case ERR_NOT_APPLICABLE:
    case ERR_VERIFY:
        return "invalid";
    case ERR_UNSUPPORTED:
        return "unsupported";
    case ERR_NOT_FOUND:
        return "not-found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_DENIED:
        return "forbidden";
    case ERR_TOO_BIG:
        return "too-large";
    case ERR_CORRUPT:
        return "damaged";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_NO_SPACE:
        return "no-space";
    case ERR_UNAVAILABLE:
    case ERR_CANCELLED:
        return "unavailable";
    case ERR_UNKNOWN:
        return "outcome-unknown";
    default:
        return "internal";
    }
}

const struct problem *problem_for(int err_code)
{
    return problem_get(id_for(err_code));
}

json_t *problem_document(const struct problem *problem, const char *detail,
                         const char *request_id)
{
    return json_pack("{s:s+, s:s, s:i, s:s*, s:s+}", "type",
                     PROBLEM_TYPE, problem->id, "title", problem->title,
                     "status", (int)problem->status, "detail", detail,
                     "instance", "urn:slipway:request:", request_id);
}

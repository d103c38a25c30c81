/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of problems: see problem.h. */
#include "core/server/problem.h"

#include <string.h>

#include "core/util/macros.h"

static const struct problem catalogue[] = {
    {"internal", 500, "Internal error",
     "slipwayd met a condition that it was not written for. Its log has the "
     "details beside the request id; please report it."},
    {"damaged", 500, "Stored content is damaged",
     "What the server has stored no longer has the digest or signature that "
     "it was stored with; the detail names it. Look after the server's disk, "
     "then import the image or upload the file again."},
    {"malformed", 400, "Malformed request",
     "The request is not well-formed HTTP, its body is not the JSON it says "
     "it is, or a query argument is not known to this path."},
    {"unauthorised", 401, "No valid token",
     "Send 'Authorization: Bearer TOKEN' with a token that exists and has "
     "not expired. `slipway token create` makes one."},
    {"forbidden", 403, "Not allowed",
     "The token is valid, but its scope does not cover this request, or a "
     "policy of the site forbids it."},
    {"not-found", 404, "Not found",
     "Nothing has this path or id. It may have been deleted."},
    {"method-not-allowed", 405, "Method not allowed",
     "This path exists, but not with this method; the Allow header lists "
     "those that it has."},
    {"timeout", 408, "Took too long",
     "The request or what it asked for was not finished in time."},
    {"conflict", 409, "Conflict",
     "The present state does not permit the change: something with this name "
     "exists, is in use, or the same request is still being worked on."},
    {"length-required", 411, "Length required",
     "An upload must say how long it is in Content-Length."},
    {"precondition-failed", 412, "Changed in the meantime",
     "If-Match does not name the present revision. Read the object again, "
     "look at what changed, and repeat the change with its new ETag."},
    {"too-large", 413, "Too large",
     "The body is longer than this path accepts."},
    {"unsupported-media-type", 415, "Unsupported media type",
     "This path takes 'application/json', or 'application/octet-stream' for "
     "uploads."},
    {"invalid", 422, "Not valid",
     "The request is well-formed, but a value in it is not acceptable; the "
     "detail names it and says why."},
    {"unsupported", 422, "Not supported",
     "This version of Slipway does not do that."},
    {"idempotency-mismatch", 422, "Idempotency key used twice",
     "The Idempotency-Key was used before with another request. Take a new "
     "key for a new request."},
    {"precondition-required", 428, "If-Match required",
     "Changing or deleting this object needs If-Match with the ETag of the "
     "version that was read."},
    {"too-many-requests", 429, "Too many requests",
     "A limit on connections or requests was reached. Wait as long as "
     "Retry-After says."},
    {"unavailable", 503, "Unavailable",
     "A part that is needed, such as the store, does not answer just now. "
     "Nothing was changed; try again."},
    {"outcome-unknown", 503, "Outcome unknown",
     "The change may or may not have been made. Read the object, or repeat "
     "the request with the same Idempotency-Key."},
    {"no-space", 507, "No space left",
     "The server's disk is full. Free space in its state folder, then try "
     "again."},
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
                     "/api/v1/problems/", problem->id, "title", problem->title,
                     "status", (int)problem->status, "detail", detail,
                     "instance", "urn:slipway:request:", request_id);
}

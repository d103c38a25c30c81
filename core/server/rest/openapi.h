/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST interface as an OpenAPI 3.1 document, made of the route table, the
 * schemas and the catalogue of problems, so that it cannot say anything else
 * than what the server does.
 */
#ifndef CORE_SERVER_REST_OPENAPI_H
#define CORE_SERVER_REST_OPENAPI_H

#include <jansson.h>

#include "core/server/rest/route.h"
#include "core/server/rest/schema.h"

/* Pure.  ERR_INTERNAL names the route whose schema, path value or query
 * argument is defined nowhere.  The caller owns *ret. */
int openapi_document(const struct route *table, size_t count,
                     const struct schemas *schemas, json_t **ret,
                     struct err *err);

/* The document of our own table as it is served. */
struct openapi {
    char *text;
    size_t length;
    char etag[40]; /* of the text, with its quotes */
};

int openapi_new(const struct schemas *schemas, struct openapi **ret,
                struct err *err);
void openapi_free(struct openapi *openapi);

/* Prints the document to standard output: `slipwayd openapi`. */
int openapi_print(struct err *err);

/* Can the route be answered with this problem?  The document lists them. */
bool openapi_may_answer(const struct route *route, const char *problem);

#endif

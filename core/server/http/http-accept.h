/* SPDX-License-Identifier: Apache-2.0 */
/* Which of our media types a client would rather have (RFC 9110 section
 * 12.5.1).  Pure. */
#ifndef CORE_SERVER_HTTP_HTTP_ACCEPT_H
#define CORE_SERVER_HTTP_HTTP_ACCEPT_H

#include <stddef.h>

/*
 * The index of the type that the Accept header likes best; of equals, and when
 * there is no header, the first.  The first also when none is liked: an answer
 * in another form is of more use than status 406.  `types` are like
 * "text/html", without parameters.
 */
size_t http_accept_best(const char *header, const char *const types[],
                        size_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the documents of the store name: every digest that stands anywhere in
 * any of them.  That is more than is needed, but forgets nothing that a later
 * kind of document will name.  Left out are deleted images and the images of
 * tasks that are over.  Loop thread.
 */
#ifndef CORE_SERVER_IMAGES_CARE_ROOTS_H
#define CORE_SERVER_IMAGES_CARE_ROOTS_H

#include <jansson.h>

#include "core/util/err.h"

struct server;

/* done(arg, list, NULL) with an array of digests (the receiver's), or
 * done(arg, NULL, err). */
typedef void care_roots_done(void *arg, json_t *digests, const struct err *err);
void care_roots(struct server *server, care_roots_done *done, void *arg);

#endif

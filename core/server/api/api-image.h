/* SPDX-License-Identifier: Apache-2.0 */
/* REST: /api/v1/images.  Handlers for the table of routes. */
#ifndef CORE_SERVER_API_API_IMAGE_H
#define CORE_SERVER_API_API_IMAGE_H

#include "core/server/http/http.h"

/* GET /api/v1/images */
void api_images_list(struct server *server, struct request *r);
/* GET /api/v1/images/{id}: "name" is its newest revision, or "name@3" */
void api_image_get(struct server *server, struct request *r);
/* /api/v1/uploads: images in pieces that may be interrupted (uploads.h) */
void api_upload_list(struct server *server, struct request *r);
void api_upload_create(struct server *server, struct request *r);
void api_upload_get(struct server *server, struct request *r);
/* PUT .../{id}?offset=BYTES: the next piece; the reply tells the new offset */
void api_upload_piece(struct server *server, struct request *r);
void api_upload_delete(struct server *server, struct request *r);
/* /api/v1/care: verifying and collecting (care.h) */
void api_care_list(struct server *server, struct request *r);
void api_care_start(struct server *server, struct request *r);
void api_care_get(struct server *server, struct request *r);
void api_care_end(struct server *server, struct request *r);
/* GET /api/v1/images/{id}/content: its plain content, for admins only */
void api_image_export(struct server *server, struct request *r);
/* DELETE /api/v1/images/{id} */
void api_image_delete(struct server *server, struct request *r);

#endif

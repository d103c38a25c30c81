/* SPDX-License-Identifier: Apache-2.0 */
/* What reader and builder of an index and the journal of an import agree on;
 * for these only. */
#ifndef CORE_IMAGE_INDEX_FORMAT_H
#define CORE_IMAGE_INDEX_FORMAT_H

#include "core/image/index.h"

#define INDEX_ROOT_MAGIC "SLX1"
#define INDEX_PAGE_MAGIC "SLP1"

/* The INDEX_RECORD_BYTES of a record.  Parsing checks nothing. */
void index_record_write(uint8_t *out, const struct index_record *record);
void index_record_parse(const uint8_t *data, struct index_record *ret);

#endif

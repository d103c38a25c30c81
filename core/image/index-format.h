/* SPDX-License-Identifier: Apache-2.0 */
/* What reader and builder of an index agree on; for these two only. */
#ifndef CORE_IMAGE_INDEX_FORMAT_H
#define CORE_IMAGE_INDEX_FORMAT_H

#define INDEX_ROOT_MAGIC "SLX1"
#define INDEX_PAGE_MAGIC "SLP1"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The tables themselves, without a look into the partitions: for partition.c.
 */
#ifndef CORE_IMAGE_PARTITION_TABLE_H
#define CORE_IMAGE_PARTITION_TABLE_H

#include "core/image/partition.h"

/* Fills table, count, list (without file systems) and boots_bios. */
int partition_table_read(partition_read *read, void *arg, uint64_t size_bytes,
                         uint32_t sector_bytes, struct partitions *ret,
                         struct err *err);

#endif

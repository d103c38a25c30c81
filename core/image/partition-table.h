/* SPDX-License-Identifier: Apache-2.0 */
/* The tables themselves, without a look into the partitions: for partition.c.
 */
#ifndef CORE_IMAGE_PARTITION_TABLE_H
#define CORE_IMAGE_PARTITION_TABLE_H

#include "core/image/partition.h"

/* CRC-32 of IEEE 802.3, as GPT uses it; for small inputs. */
uint32_t gpt_crc32(const uint8_t *data, size_t length);

/* Fills table, count, list (without file systems) and boots_bios. */
int partition_table_read(partition_read *read, void *arg, uint64_t size_bytes,
                         uint32_t sector_bytes, struct partitions *ret,
                         struct err *err);

#endif

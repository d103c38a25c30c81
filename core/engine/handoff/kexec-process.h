/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slipway-engine kexec DISK`: finds what the installed disk would boot and
 * loads it into the kernel, to be jumped into later.  A process of its own,
 * because it reads file systems and texts that anybody may have written and
 * may wait for a slow disk.  On standard output:
 *   {"kernel": "6.1.0-56-amd64", "line": "root=UUID=... ro"} or
 *   {"error": "sentence"} with exit status 1
 */
#ifndef CORE_ENGINE_HANDOFF_KEXEC_PROCESS_H
#define CORE_ENGINE_HANDOFF_KEXEC_PROCESS_H

int kexec_process_main(const char *disk_node);

#endif

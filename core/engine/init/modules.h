/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules by modalias, from the index that slipway-engine-build wrote
 * beside them.  No libkmod: its signature code would bring libcrypto, twice
 * the size of all our programs, into the initramfs.
 *
 * The index is text, one thing a line:
 *   slipway-modules 1
 *   m NAME PATH [NAME...]    a module, its file, what must be loaded before
 *   a PATTERN NAME           an alias, a shell pattern
 */
#ifndef CORE_ENGINE_INIT_MODULES_H
#define CORE_ENGINE_INIT_MODULES_H

#include <stdbool.h>

#include "core/util/err.h"

#define MODULES_FOLDER "/lib/modules"
#define MODULES_INDEX_NAME "slipway.index"

struct modules;

/* Puts the module of `path` (below the folder) into the kernel; 0 or an errno
 * value.  Tests have their own. */
typedef int modules_insert(void *arg, const char *path);

/* Reads FOLDER/slipway.index. */
int modules_open(const char *folder, struct modules **ret, struct err *err);
void modules_free(struct modules *modules);
/* `insert` NULL = finit_module(2), the default. */
void modules_set_insert(struct modules *modules, modules_insert *insert,
                        void *arg);

/*
 * Loads every module with this name or with an alias that fits, each after
 * what it depends on, and each once.  Returns how many were newly loaded.  A
 * module that the kernel refuses is logged and not tried again.
 */
unsigned modules_load(struct modules *modules, const char *alias);

/*
 * Loads what the devices below `sysfs` ("/sys") ask for, again until nothing
 * new appears, because loading a bus makes its devices known.
 */
unsigned modules_coldplug(struct modules *modules, const char *sysfs);

/* The kernel calls /sbin/modprobe, which is the engine, for what it misses:
 * modprobe -q -- NAME.  Returns the exit status. */
int modules_main(int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One engine build: its options, and what is collected while it is made. */
#ifndef CORE_ENGINE_BUILD_PACK_H
#define CORE_ENGINE_BUILD_PACK_H

#include "core/engine/build/build.h"

struct build_options {
    const char *machine;        /* "x86_64" */
    const char *kernel_package; /* a .deb, or NULL and the next two */
    const char *kernel;
    const char *modules; /* the folder lib/modules/VERSION */
    const char *modules_list;
    const char *engine_files; /* folder of slipway-engine and its helper */
    const char *plugins;      /* folder of MACHINE/transport/ *.so */
    const char *sysroot;      /* "" = this machine's libraries */
    const char *firmware;     /* folder like /lib/firmware, or NULL */
    const char *trust;
    const char *stub;
    const char *command_line;
    const char *compress; /* "auto", "zstd" or "xz" */
    const char *out;           /* the unified kernel image, or NULL */
    const char *out_kernel;    /* the parts for other loaders, both or none */
    const char *out_initramfs;
    uint64_t built_s; /* 0 = the newest of the inputs that tell */
    bool json;
};

struct pack {
    const struct build_options *options;
    struct tree tree; /* the kernel and its modules */
    struct module_set modules;
    struct cpio cpio;
    struct buf scratch;
    struct buf kernel;
    struct buf initramfs; /* compressed */
    json_t *needed;       /* libraries of programs added so far */
    json_t *parts;        /* name -> bytes, for the report */
    json_t *warnings;     /* sentences */
    char release[128];    /* "6.1.0-56-amd64" */
    char trust_digest[65];
    const char *compression;
    uint64_t built_s;
};

/* Adds to the size of a part of the report. */
int pack_part(struct pack *pack, const char *name, size_t length,
              struct err *err);
/* The kernel, its modules and their index. */
int pack_kernel(struct pack *pack, struct err *err);
/* Engine, helper, transports and every library they need. */
int pack_engine(struct pack *pack, struct err *err);
/* Trust file and build time; folders and devices. */
int pack_site(struct pack *pack, struct err *err);
/* Compresses, then writes the unified kernel image and the parts, as asked. */
int pack_write(struct pack *pack, struct err *err);

#endif

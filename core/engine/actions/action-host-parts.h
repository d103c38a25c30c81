/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the action host share; everybody else uses
 * action-host.h. */
#ifndef CORE_ENGINE_ACTIONS_ACTION_HOST_PARTS_H
#define CORE_ENGINE_ACTIONS_ACTION_HOST_PARTS_H

#include "core/engine/actions/action-host.h"
#include "core/engine/actions/action-rpc.h"
#include "core/engine/actions/personalise.h"
#include "core/engine/pipeline/pipeline-client.h"
#include "core/image/manifest.h"
#include "core/util/child.h"

#define ACTION_MAX_DECLARED 64
#define ACTION_MAX_RANGES 4096

/* A range of a disk that prepare has announced. */
struct declared_write {
    size_t disk;
    uint64_t offset;
    uint64_t length; /* 0 = to the end */
};

/* The content behind one parameter, once its manifest has been fetched. */
struct action_image {
    const struct plan_image *plan;
    struct manifest manifest;
    struct buf text; /* the manifest's exact bytes */
};

/* What this step has done to one disk. */
struct disk_state {
    const struct action_image *image; /* that was written last, or NULL */
    bool verified;                    /* since then */
    bool believed; /* a checkpoint stood for what was not read */
    unsigned grown;                   /* partition, 0 = none */
    uint64_t grown_bytes;             /* how long it is now */
    size_t range_count;               /* changed since it was verified */
    struct pipeline_range ranges[ACTION_MAX_RANGES];
};

struct page_fetch {
    struct page_fetch *next;
    struct action_host *host;
    struct digest digest;
    struct session_fetch *fetch;
};

/* Where objects are: the HTTP ports of the servers that the newest reply has
 * named, or of the plan's when it named none. */
struct object_servers {
    char text[MESSAGE_MAX_SERVERS][MESSAGE_SERVER_BYTES + 8];
    const char *list[MESSAGE_MAX_SERVERS];
    size_t count;
};

struct action_host {
    struct action_spec spec;
    const struct plan_step *step;
    struct action_handlers handlers;
    void *arg;
    struct child *child;
    struct channel *channel;
    struct loop_timer *killer; /* after a cancel */
    enum action_phase phase;
    enum action_phase failed_phase;
    uint64_t plugin_flags;
    bool busy; /* a call of the process is being answered */
    bool cancelled;
    bool said_end; /* the process has sent "ended" */
    bool child_gone;
    bool timed_out;
    int status; /* of the process */
    int code;
    char sentence[ERR_TEXT_BYTES]; /* "" = none yet */
    unsigned lines;                /* logged so far */
    json_t *result;
    json_t *images;       /* array: what was written where */
    json_t *personalised; /* array: what was changed afterwards */
    json_t *grown;        /* array: partitions that reach further now */
    struct declared_write declared[ACTION_MAX_DECLARED];
    size_t declared_count;
    struct action_image *contents[PLAN_MAX_IMAGES];
    struct disk_state *disks; /* one for each disk of the machine */
    size_t disk_count;
    size_t last_disk;
    bool has_last_disk;
    unsigned permille;
    char text[128];

    /* The call that is being answered. */
    struct session_fetch *manifest_fetch;
    struct action_image *wanted; /* whose manifest is being fetched */
    void (*then)(struct action_host *host, struct action_image *image);
    size_t disk; /* it is about */
    int device_fd;
    struct pipeline_client *pipeline;
    bool verifying;
    bool mending; /* what is written now, a comparison has found */
    unsigned base_permille;
    struct page_fetch *pages;
    struct personalise *personalise;
    const struct partition *partition; /* that is being changed */
    json_t *files; /* of personalise, until the manifest is there */
};

/* Answers the call; takes `head` (NULL = only the code). */
void action_reply(struct action_host *host, int code, json_t *head, int fd);
/* The same with a text that travels as descriptor. */
void action_reply_text(struct action_host *host, const char *text);
/* Records the sentence when it is the first, and answers with `code`. */
void action_refuse(struct action_host *host, int code, const char *format, ...)
    PRINTF(3, 4);
void action_record(struct action_host *host, const char *format, ...)
    PRINTF(2, 3);
void action_progress(struct action_host *host, unsigned permille,
                     const char *text, uint64_t bytes_done,
                     uint64_t bytes_total);

/* action-host-calls.c: `arg` is the host. */
void action_on_message(void *arg, struct channel_message *message);

/* action-host-disks.c: `head` is the call. */
void action_serve_disks(struct action_host *host, const json_t *head);
void action_serve_select(struct action_host *host, const json_t *head);
void action_serve_declare(struct action_host *host, const json_t *head);
void action_serve_open(struct action_host *host, const json_t *head);
/* The disk that the call names, or -1 after refusing. */
int action_find_disk(struct action_host *host, const json_t *head,
                     size_t *ret_disk);
bool action_declared(const struct action_host *host, size_t disk,
                     uint64_t offset, uint64_t length);
/* A descriptor of the disk, or -1 after refusing. */
int action_open_disk(struct action_host *host, size_t disk, bool writable);

/* action-host-images.c */
void action_serve_image_facts(struct action_host *host, const json_t *head);
void action_serve_image_write(struct action_host *host, const json_t *head);
void action_serve_image_verify(struct action_host *host, const json_t *head);
/* Fetches and checks the manifest of the call's parameter, then goes on. */
void action_with_image(struct action_host *host, const json_t *head,
                       void (*then)(struct action_host *host,
                                    struct action_image *image));
/* Ends what runs for the current call, without answering. */
void action_stop_images(struct action_host *host);
typedef void action_pipeline_done(void *arg, int code, const char *sentence,
                                  const json_t *result);
/* Runs the pipeline for the current call; `job` describes the device.  -1
 * after refusing.  `done` gets the host. */
int action_start_pipeline(struct action_host *host,
                          const struct action_image *image,
                          struct pipeline_job *job, action_pipeline_done *done);

/* action-host-blob.c */
void action_serve_blob(struct action_host *host, const json_t *head);

/* action-host-servers.c */
void action_object_servers(const struct action_host *host,
                           struct object_servers *ret);

/* action-host-checkpoint.c: what disk `host->disk` holds, told and taken. */
void action_tell_checkpoint(struct action_host *host, const void *data,
                            size_t length);
/* The bytes that an earlier attempt told of this step and disk; false = none.
 * Whether they are of this image the pipeline finds out. */
bool action_take_checkpoint(const struct action_host *host, struct buf *ret);

/* action-host-personalise.c: `text_fd` holds the list of files. */
void action_serve_personalise(struct action_host *host, const json_t *head,
                              int text_fd);
void action_stop_personalise(struct action_host *host);
/* 0 when the disk may be changed now: it was compared with this image. */
int action_may_change(struct action_host *host,
                      const struct action_image *image);
/* Starts to change `partition` of the call's disk: `spec` has what is done;
 * the rest is filled in here.  Answers the call in the end. */
void action_start_change(struct action_host *host,
                         const struct partition *partition,
                         struct personalise_spec *spec);

/* action-host-grow.c */
void action_serve_grow(struct action_host *host, const json_t *head);
/* Takes down that a partition of the call's disk has this length now. */
void action_note_growth(struct action_host *host, uint64_t length_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between engine and server (core/doc/wire.md): one structure,
 * parser and formatter for each, used by both sides.  All pure: any thread.
 *
 * Parsers refuse unknown keys in requests, because a server is never older
 * than its engines, and ignore them in replies, because an engine may be
 * older than its server.  Every text is bounded, printable and copied; "" is
 * absent.  On failure a parser leaves `ret` untouched and `err` names the JSON
 * path.
 */
#ifndef CORE_WIRE_MESSAGE_H
#define CORE_WIRE_MESSAGE_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/err.h"

#define MESSAGE_PROTOCOL 1
#define MESSAGE_MAX_BYTES (256 * 1024)        /* a body, in both directions */
#define MESSAGE_MAX_RESULT_BYTES (128 * 1024) /* a step's result as text */
#define MESSAGE_MAX_SERVERS 8
#define MESSAGE_MAX_MACS 16
#define MESSAGE_MAX_STEPS 32

#define MESSAGE_ID_BYTES 33         /* 32 hexadecimal digits and the NUL */
#define MESSAGE_NAME_BYTES 64       /* a host's name */
#define MESSAGE_TOKEN_BYTES 64      /* base64url of 32 bytes is 43 characters */
#define MESSAGE_SERVER_BYTES 64     /* "10.0.0.1:7443" */
#define MESSAGE_FACT_BYTES 65       /* one SMBIOS string */
#define MESSAGE_TEXT_BYTES 512      /* sentences, notes, log lines */
#define MESSAGE_SIGNATURE_BYTES 129 /* 128 hexadecimal digits and the NUL */

/* "address:port" of the TLS ports, best first. */
struct message_servers {
    size_t count;
    char text[MESSAGE_MAX_SERVERS][MESSAGE_SERVER_BYTES];
    uint16_t http_port[MESSAGE_MAX_SERVERS]; /* objects; 0 = not told */
};

/* What the server wants of this machine. */
enum message_state {
    MESSAGE_READY,   /* there is, or will be, a plan */
    MESSAGE_PENDING, /* show the code; an admin has to approve it */
    MESSAGE_LOCAL,   /* nothing to do: boot the disk */
};

/* What a machine says about itself; names, never credentials. */
struct message_facts {
    char uuid[MESSAGE_FACT_BYTES]; /* SMBIOS text order */
    char serial[MESSAGE_FACT_BYTES];
    char vendor[MESSAGE_FACT_BYTES];
    char product[MESSAGE_FACT_BYTES];
    char firmware[16]; /* "uefi", "bios", ... */
    size_t mac_count;
    char macs[MESSAGE_MAX_MACS][18]; /* "52:54:00:12:34:56" */
};

/* POST /engine/v1/session */
struct message_hello {
    uint32_t protocol;
    char version[32]; /* of the engine */
    char machine[16]; /* "x86_64" */
    char ticket[MESSAGE_TOKEN_BYTES];
    struct message_facts facts;
};

struct message_welcome {
    char session[MESSAGE_ID_BYTES];
    char token[MESSAGE_TOKEN_BYTES];
    enum message_state state;
    char code[MESSAGE_NAME_BYTES];      /* words; only when pending */
    char host_id[MESSAGE_ID_BYTES];     /* "" = the host is not known */
    char host_name[MESSAGE_NAME_BYTES]; /* "" = it has none */
    char tier[16];
    int64_t time_s; /* the server's clock */
    uint64_t epoch;
    struct message_servers servers;
    uint32_t leave_after_s; /* pending: boot the disk after this long */
};

/* POST /engine/v1/plan: the request is {"session": id}. */
struct message_plan {
    uint64_t epoch;
    struct message_servers servers;
    bool cancel;
    enum message_state state;
    char *text; /* the signed plan's exact bytes, owned; NULL = none yet */
    json_t *checkpoint; /* an object, owned: what an earlier attempt reported
                           last; only engines look into it; NULL = none */
    char signature[MESSAGE_SIGNATURE_BYTES]; /* "" without text */
};

/* POST /engine/v1/report */
enum message_report_kind {
    MESSAGE_STEP_STARTED,
    MESSAGE_PROGRESS,
    MESSAGE_STEP_DONE,
    MESSAGE_STEP_FAILED,
    MESSAGE_LEAVING,
    MESSAGE_LOG,
    MESSAGE_CHECKPOINT,
    MESSAGE_INVENTORY, /* of an unknown machine: of no task */
};

struct message_report {
    char session[MESSAGE_ID_BYTES];
    uint64_t seq; /* from 1, without gaps in one session */
    char task[MESSAGE_ID_BYTES];
    uint32_t attempt;
    enum message_report_kind kind;
    uint32_t step;     /* index; 0 in leaving and log */
    uint32_t permille; /* progress */
    uint64_t bytes_done;
    uint64_t bytes_total; /* 0 = not known */
    char code[32];   /* step-failed: err_word() of the failure; leaving: "" or
                        why the task fails all the same */
    char level[8];   /* log: "error", "warn", "notice", "info", "debug" */
    char method[16]; /* leaving: "firmware", "kexec", "reboot", "poweroff",
                        "stay" */
    char text[MESSAGE_TEXT_BYTES]; /* progress and log: text;
                                      step-failed: sentence; leaving: note */
    json_t *result; /* step-done, step-failed: object, owned; or NULL;
                       checkpoint, inventory: object, owned */
};

struct message_report_reply {
    uint64_t epoch;
    struct message_servers servers;
    bool cancel;
};

/* Formatters return a new reference; NULL = no memory. */
json_t *message_hello_format(const struct message_hello *m);
int message_hello_parse(const json_t *json, struct message_hello *ret,
                        struct err *err);
json_t *message_welcome_format(const struct message_welcome *m);
int message_welcome_parse(const json_t *json, struct message_welcome *ret,
                          struct err *err);
json_t *message_plan_request_format(const char *session);
int message_plan_request_parse(const json_t *json,
                               char ret_session[MESSAGE_ID_BYTES],
                               struct err *err);
json_t *message_plan_format(const struct message_plan *m);
/* message_plan_done frees what the parser made. */
int message_plan_parse(const json_t *json, struct message_plan *ret,
                       struct err *err);
void message_plan_done(struct message_plan *m);
json_t *message_report_format(const struct message_report *m);
/* message_report_done frees what the parser made. */
int message_report_parse(const json_t *json, struct message_report *ret,
                         struct err *err);
void message_report_done(struct message_report *m);
json_t *message_report_reply_format(const struct message_report_reply *m);
int message_report_reply_parse(const json_t *json,
                               struct message_report_reply *ret,
                               struct err *err);

/* The header of every request after the first: "Slipway <session>.<token>". */
#define MESSAGE_AUTHORIZATION_BYTES 128
void message_authorization_format(const char *session, const char *token,
                                  char out[MESSAGE_AUTHORIZATION_BYTES]);
int message_authorization_parse(const char *header,
                                char ret_session[MESSAGE_ID_BYTES],
                                char ret_token[MESSAGE_TOKEN_BYTES],
                                struct err *err);

const char *message_state_word(enum message_state state);
const char *message_report_word(enum message_report_kind kind);
/* 32 lower-case hexadecimal digits: ids of sessions, tasks and hosts. */
bool message_id_valid(const char *text);
/* Adds one entry; false when the list is full or the text too long. */
bool message_servers_add(struct message_servers *servers, const char *text);

#endif

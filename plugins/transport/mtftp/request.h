/* SPDX-License-Identifier: Apache-2.0 */
/* Reading TFTP read requests and writing option acknowledgements.  Pure. */
#ifndef MTFTP_REQUEST_H
#define MTFTP_REQUEST_H

#include <stddef.h>
#include <stdint.h>

enum tftp_opcode {
    TFTP_RRQ = 1,
    TFTP_WRQ = 2,
    TFTP_DATA = 3,
    TFTP_ACK = 4,
    TFTP_ERROR = 5,
    TFTP_OACK = 6,
};

enum tftp_error {
    TFTP_E_UNDEFINED = 0,
    TFTP_E_NOT_FOUND = 1,
    TFTP_E_ACCESS = 2,
    TFTP_E_ILLEGAL = 4,
    TFTP_E_UNKNOWN_TID = 5,
    TFTP_E_OPTIONS = 8,
};

enum tftp_option {
    TFTP_BLKSIZE,    /* RFC 2348 */
    TFTP_TIMEOUT,    /* RFC 2349 */
    TFTP_TSIZE,      /* RFC 2349 */
    TFTP_WINDOWSIZE, /* RFC 7440 */
    TFTP_OPTIONS,
};

#define TFTP_DEFAULT_BLOCK 512
#define TFTP_HEADER_BYTES 4
#define TFTP_REQUEST_MAX 1024 /* RFC 2347 says 512; some clients send more */
#define TFTP_NAME_BYTES 256
#define TFTP_KEY_BYTES 11 /* the longest option name that we know */
/* An acknowledgement of every option: names, values of at most 20 digits. */
#define TFTP_OACK_MAX (2 + TFTP_OPTIONS * (TFTP_KEY_BYTES + 21))

struct tftp_asked {
    char key[TFTP_KEY_BYTES]; /* as the client spelled it; "" = not asked */
    uint32_t order;           /* place among the client's options */
    uint64_t value;
};

struct tftp_request {
    char name[TFTP_NAME_BYTES]; /* normalised, see request.c */
    struct tftp_asked options[TFTP_OPTIONS];
    uint32_t option_count;
};

/* What to answer when a request cannot be served. */
struct tftp_refusal {
    enum tftp_error code;
    const char *text;
};

/*
 * Parses a read request of `length` bytes, operation code included.  0, or -1
 * with *ret_refusal.  Unknown options and values outside an option's range are
 * as if they had not been sent, which RFC 2347 wants of a server.
 */
int tftp_request_parse(const uint8_t *data, size_t length,
                       struct tftp_request *ret,
                       struct tftp_refusal *ret_refusal);

/* Takes back option `option`: it will not be acknowledged. */
void tftp_request_forget(struct tftp_request *request, enum tftp_option option);

/* Writes the OACK for the options still asked for, with their (lowered)
 * values, in the client's order and spelling; 0 when there are none. */
size_t tftp_oack(const struct tftp_request *request,
                 uint8_t out[TFTP_OACK_MAX]);

/* Writes an ERROR packet; its length. */
#define TFTP_ERROR_MAX 128
size_t tftp_error(enum tftp_error code, const char *text,
                  uint8_t out[TFTP_ERROR_MAX]);

#endif

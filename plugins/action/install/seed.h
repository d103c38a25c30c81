/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seed of cloud-init's data source NoCloud: what the profile says about
 * users, keys and network as the three files that cloud-init reads at its first
 * start.  Pure: no host, no files.  The texts are JSON, which is YAML too.
 *
 * cloud-init's documentation: "NoCloud", "Cloud config", "Networking config
 * Version 2".
 */
#ifndef PLUGINS_ACTION_INSTALL_SEED_H
#define PLUGINS_ACTION_INSTALL_SEED_H

#include <stddef.h>

#include <jansson.h>

#define SEED_SENTENCE_BYTES 320

/* Parameters as the profile wrote them: JSON texts; NULL = not given. */
struct seed_spec {
    const char *instance_id; /* another one with each installation */
    const char *hostname;
    const char *users;
    const char *ssh_keys;
    const char *network;
};

/* Each is NUL-terminated and owned; network_config may be NULL. */
struct seed {
    char *meta_data;
    char *user_data;
    char *network_config;
};

/* 0, or -1 and a sentence that names the place: "users[0].name must ...".  No
 * sentence shows what a password or its hash is. */
int seed_make(const struct seed_spec *spec, struct seed *ret,
              char why[SEED_SENTENCE_BYTES]);
void seed_done(struct seed *seed);

/* The parts (seed-users.c, seed-network.c): a new reference, or NULL after
 * `why` was filled. */
json_t *seed_users(const json_t *users, char why[SEED_SENTENCE_BYTES]);
json_t *seed_keys(const json_t *keys, const char *path,
                  char why[SEED_SENTENCE_BYTES]);
json_t *seed_network(const json_t *ports, char why[SEED_SENTENCE_BYTES]);

/* What the parts share (seed.c). */
int seed_fail(char why[SEED_SENTENCE_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 0 when the object has no other members than these. */
int seed_members(const json_t *object, const char *path,
                 const char *const *known, char why[SEED_SENTENCE_BYTES]);
/* A text of 1 to `max` printable ASCII characters. */
int seed_text_ok(const json_t *value, size_t max);

#endif

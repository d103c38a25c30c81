/* SPDX-License-Identifier: Apache-2.0 */
/* Users and their keys as cloud-init's "users" and "ssh_authorized_keys". */
#include "seed.h"

#include <stdio.h>
#include <string.h>

#define USERS_MAX 32
#define KEYS_MAX 64
#define GROUPS_MAX 32
#define KEY_BYTES_MAX 8192
#define NAME_BYTES_MAX 32 /* useradd(8) */
#define PATH_BYTES 48

/* As useradd(8) takes them. */
static int name_ok(const json_t *value)
{
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *name = json_string_value(value);
    size_t length = name ? strlen(name) : 0;

    return length > 0 && length <= NAME_BYTES_MAX &&
           strspn(name, rest) == length && name[0] != '-' &&
           !(name[0] >= '0' && name[0] <= '9');
}

/* One line of an authorized_keys file: a type, a space, the key. */
static int key_ok(const json_t *value)
{
    static const char *const types[] = {"ssh-", "ecdsa-sha2-", "sk-"};
    const char *text = json_string_value(value);

    if (!seed_text_ok(value, KEY_BYTES_MAX) || !strchr(text, ' '))
        return 0;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strncmp(text, types[i], strlen(types[i])) == 0)
            return 1;
    return 0;
}

json_t *seed_keys(const json_t *keys, const char *path,
                  char why[SEED_SENTENCE_BYTES])
{
    if (!json_is_array(keys) || json_array_size(keys) > KEYS_MAX) {
        (void)seed_fail(why, "%s must be an array of at most %d public keys",
                        path, KEYS_MAX);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (!key_ok(json_array_get(keys, i))) {
            (void)seed_fail(why,
                            "%s[%zu] must be a public key as ssh-keygen "
                            "writes it, 'ssh-ed25519 AAAA... comment'",
                            path, i);
            return NULL;
        }
    return json_copy((json_t *)keys);
}

/* crypt(5): "$id$salt$hash"; never shown. */
static int hash_ok(const json_t *value)
{
    const char *text = json_string_value(value);

    return seed_text_ok(value, 512) && text[0] == '$' &&
           strchr(text + 1, '$') && !strpbrk(text, " :\\");
}

static int add_groups(json_t *user, const json_t *groups, const char *path,
                      char why[SEED_SENTENCE_BYTES])
{
    if (!groups)
        return 0;
    if (!json_is_array(groups) || json_array_size(groups) > GROUPS_MAX)
        return seed_fail(why, "%s.groups must be an array of names", path);
    for (size_t i = 0; i < json_array_size(groups); i++)
        if (!name_ok(json_array_get(groups, i)))
            return seed_fail(why, "%s.groups[%zu] is not a group's name", path,
                             i);
    return json_object_set(user, "groups", (json_t *)groups);
}

static int add_password(json_t *user, const json_t *hash, const char *path,
                        char why[SEED_SENTENCE_BYTES])
{
    if (hash && !hash_ok(hash))
        return seed_fail(why,
                         "%s.password_hash is not a hash as 'mkpasswd' "
                         "prints it",
                         path);
    if (hash)
        (void)json_object_set(user, "hashed_passwd", (json_t *)hash);
    return json_object_set_new(user, "lock_passwd", json_boolean(!hash));
}

static int add_shell(json_t *user, const json_t *shell, const char *path,
                     char why[SEED_SENTENCE_BYTES])
{
    const char *text = json_string_value(shell);

    if (shell &&
        (!seed_text_ok(shell, 128) || text[0] != '/' || strchr(text, ' ')))
        return seed_fail(why, "%s.shell must be an absolute path", path);
    return json_object_set_new(user, "shell",
                               json_string(text ? text : "/bin/bash"));
}

static int add_sudo(json_t *user, const json_t *sudo, const char *path,
                    char why[SEED_SENTENCE_BYTES])
{
    if (sudo && !json_is_boolean(sudo))
        return seed_fail(why, "%s.sudo must be true or false", path);
    return json_is_true(sudo)
               ? json_object_set_new(user, "sudo",
                                     json_string("ALL=(ALL) NOPASSWD:ALL"))
               : 0;
}

static int add_keys(json_t *user, const json_t *keys, const char *path,
                    char why[SEED_SENTENCE_BYTES])
{
    char where[PATH_BYTES + 16];

    if (!keys)
        return 0;
    (void)snprintf(where, sizeof(where), "%s.ssh_keys", path);
    json_t *made = seed_keys(keys, where, why);
    return made ? json_object_set_new(user, "ssh_authorized_keys", made) : -1;
}

static json_t *make_user(const json_t *from, const char *path,
                         char why[SEED_SENTENCE_BYTES])
{
    static const char *const known[] = {
        "name", "ssh_keys", "password_hash", "sudo", "groups", "shell", NULL};
    const json_t *name = json_object_get(from, "name");

    if (seed_members(from, path, known, why) < 0)
        return NULL;
    if (!name_ok(name)) {
        (void)seed_fail(why,
                        "%s.name must be a user's name: lower-case letters, "
                        "digits, dashes, at most %d of them",
                        path, NAME_BYTES_MAX);
        return NULL;
    }
    json_t *user = json_pack("{s:O}", "name", name);
    if (user &&
        add_keys(user, json_object_get(from, "ssh_keys"), path, why) == 0 &&
        add_groups(user, json_object_get(from, "groups"), path, why) == 0 &&
        add_shell(user, json_object_get(from, "shell"), path, why) == 0 &&
        add_sudo(user, json_object_get(from, "sudo"), path, why) == 0 &&
        add_password(user, json_object_get(from, "password_hash"), path,
                     why) == 0)
        return user;
    json_decref(user);
    return NULL;
}

json_t *seed_users(const json_t *users, char why[SEED_SENTENCE_BYTES])
{
    /* "default" keeps the user that the image is made with. */
    json_t *made = json_pack("[s]", "default");

    if (!json_is_array(users) || json_array_size(users) > USERS_MAX) {
        (void)seed_fail(why, "users must be an array of at most %d objects",
                        USERS_MAX);
        json_decref(made);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(users); i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof(path), "users[%zu]", i);
        json_t *user = make_user(json_array_get(users, i), path, why);
        if (!user) {
            json_decref(made);
            return NULL;
        }
        (void)json_array_append_new(made, user);
    }
    return made;
}

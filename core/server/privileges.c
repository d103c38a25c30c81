/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges: see privileges.h. */
#include "core/server/privileges.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core/util/file.h"
#include "core/util/log.h"
#include "core/util/num.h"

#define LAST_CAPABILITY 63 /* the kernel refuses those that it lacks */
#define MAX_DEPTH 8

int privileges_find(const struct config *config, struct identity_ids *ret,
                    struct err *err)
{
    uint64_t number;
    if (!config->user) {
        *ret = (struct identity_ids){getuid(), getgid()};
        return 0;
    }
    if (num_parse_u64(config->user, 0, UINT32_MAX - 1, &number, NULL) == 0) {
        *ret = (struct identity_ids){(uid_t)number, (gid_t)number};
        return 0;
    }
    errno = 0;
    const struct passwd *entry = getpwnam(config->user);
    if (!entry)
        return err_set(err, ERR_NOT_FOUND, "there is no user '%s' ('user' in "
                       "'%s'); make it, or name another or a number",
                       config->user, config->path);
    *ret = (struct identity_ids){entry->pw_uid, entry->pw_gid};
    return 0;
}

static int become(const struct identity_ids *ids, struct err *err)
{
    for (int capability = 0; capability <= LAST_CAPABILITY; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL)
            return err_set_errno(err, ERR_IO, errno, "capability %d cannot be "
                                 "given up", capability);
    if (setgroups(0, NULL) < 0 || setresgid(ids->gid, ids->gid, ids->gid) < 0 ||
        setresuid(ids->uid, ids->uid, ids->uid) < 0)
        return err_set_errno(err, ERR_IO, errno, "privileges cannot be given "
                             "up for user %u", ids->uid);
    if (ids->uid != 0 && setuid(0) == 0)
        return err_set(err, ERR_INTERNAL, "privileges came back after they "
                       "were given up");
    return 0;
}

int privileges_drop(const struct config *config, struct err *err)
{
    struct identity_ids ids;
    int code = privileges_find(config, &ids, err);
    if (code != 0)
        return code;
    if (geteuid() == 0 && ids.uid != 0)
        code = become(&ids, err);
    else if (geteuid() == 0)
        log_warn("running as root; name a 'user' in '%s'", config->path);
    else if (ids.uid != geteuid())
        log_notice("running as user %u; only root can become '%s'", geteuid(),
                   config->user);
    if (code == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set_errno(err, ERR_IO, errno, "this process cannot be kept "
                             "from gaining privileges");
    return code;
}

static bool stays_with_root(const char *name, unsigned depth)
{
    return (depth == 0 && strcmp(name, "admin-token") == 0) ||
           (depth == 1 && strcmp(name, "authority") == 0);
}

/* Takes `dir`. */
static int give_folder(int dir, const struct identity_ids *ids, unsigned depth,
                       struct err *err)
{
    DIR *stream = fdopendir(dir);
    int code = 0;
    if (!stream) {
        (void)close(dir);
        return err_set_errno(err, ERR_IO, errno, "a state folder cannot be "
                             "read");
    }
    if (fchown(dir, ids->uid, ids->gid) < 0)
        code = err_set_errno(err, ERR_IO, errno, "a state folder cannot be "
                             "given to user %u", ids->uid);
    const struct dirent *entry;
    while (code == 0 && (entry = readdir(stream))) {
        const char *name = entry->d_name;
        struct stat st;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            stays_with_root(name, depth) ||
            fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
            int child = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
                                              O_CLOEXEC);
            if (child >= 0)
                code = give_folder(child, ids, depth + 1, err);
        } else if (S_ISREG(st.st_mode) &&
                   fchownat(dir, name, ids->uid, ids->gid,
                            AT_SYMLINK_NOFOLLOW) < 0) {
            code = err_set_errno(err, ERR_IO, errno, "'%s' cannot be given to "
                                 "user %u", name, ids->uid);
        }
    }
    (void)closedir(stream);
    return code;
}

int privileges_give_state(const struct config *config, struct err *err)
{
    struct identity_ids ids;
    int code = privileges_find(config, &ids, err);
    if (code != 0 || geteuid() != 0 || ids.uid == 0)
        return code;
    int dir = open(config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_set_errno(err, ERR_IO, errno, "'%s' does not open",
                             config->state_dir);
    return give_folder(dir, &ids, 0, err);
}

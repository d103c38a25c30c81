/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/sandbox.h"

#include <config.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/server/workers/sandbox-calls.h"
#include "core/util/log.h"

/* ---- limits ------------------------------------------------------------- */

static int limit(int what, uint64_t value, struct err *err)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)what, &now) != 0)
        return err_set_errno(err, ERR_INTERNAL, errno,
                             "cannot read a resource limit");
    /* A limit that is lower already stays: raising it needs a privilege. */
    now.rlim_max = MIN(now.rlim_max, (rlim_t)value);
    now.rlim_cur = now.rlim_max;
    if (setrlimit((__rlimit_resource_t)what, &now) != 0)
        return err_set_errno(err, ERR_INTERNAL, errno,
                             "cannot set a resource limit");
    return 0;
}

static int set_limits(const struct sandbox_spec *spec, struct err *err)
{
    bool writes = spec->write_dirs && spec->write_dirs[0] >= 0;

    if (limit(RLIMIT_CORE, 0, err) != 0 ||
        limit(RLIMIT_NOFILE, spec->max_files, err) != 0)
        return err->code;
    if (!writes && limit(RLIMIT_FSIZE, 0, err) != 0)
        return err->code;
#ifndef SLIPWAY_SANITIZED /* its shadow takes terabytes of addresses */
    if (spec->max_memory_bytes &&
        limit(RLIMIT_AS, spec->max_memory_bytes, err) != 0)
        return err->code;
#endif
    return 0;
}

/* ---- Landlock: files ---------------------------------------------------- */

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_FIRST ((1ULL << 13) - 1) /* everything that version 1 knows */
#define ACCESS_WRITE                                                           \
    (ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                             \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER |               \
     LANDLOCK_ACCESS_FS_TRUNCATE)

static int allow_below(int ruleset, const int *dirs, uint64_t access,
                       struct err *err)
{
    for (; dirs && *dirs >= 0; dirs++) {
        struct landlock_path_beneath_attr rule = {
            .allowed_access = access,
            .parent_fd = *dirs,
        };

        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                    &rule, 0) != 0)
            return err_set_errno(err, ERR_INTERNAL, errno,
                                 "cannot limit a worker to its folders");
    }
    return 0;
}

/* The rights that this version of Landlock can take away. */
static uint64_t known_access(long version)
{
    uint64_t access = ACCESS_FIRST;

    if (version >= 2)
        access |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        access |= LANDLOCK_ACCESS_FS_TRUNCATE;
    return access;
}

static int limit_files(const struct sandbox_spec *spec, struct err *err)
{
    struct landlock_ruleset_attr attr = {0};
    AUTO_CLOSE int ruleset = -1;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);

    /* Its first version forbids moving a file from folder to folder, always:
     * the importer could name no object. */
    if (version < 1 || (version < 2 && spec->write_dirs)) {
        log_debug("this kernel has no Landlock of use: the worker's files are "
                  "limited by its user's rights alone");
        return 0;
    }
    attr.handled_access_fs = known_access(version);
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return err_set_errno(err, ERR_INTERNAL, errno,
                             "cannot make a Landlock ruleset");
    if (allow_below(ruleset, spec->read_dirs, ACCESS_READ, err) != 0 ||
        allow_below(ruleset, spec->write_dirs,
                    ACCESS_WRITE & attr.handled_access_fs, err) != 0)
        return err->code;
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return err_set_errno(err, ERR_INTERNAL, errno,
                             "cannot enter a Landlock ruleset");
    return 0;
}

/* ---- seccomp: system calls ---------------------------------------------- */

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_PPC64LE
#endif

#ifdef AUDIT_ARCH_HERE

#define MAX_FILTER 1024

/* 64-bit arguments are loaded by their low half; all these machines are
 * little-endian. */
#define LOAD_NUMBER                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define LOAD_FIRST                                                             \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define SKIP_UNLESS(value, count)                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))

struct filter {
    struct sock_filter code[MAX_FILTER];
    unsigned short length;
};

static void put(struct filter *f, struct sock_filter instruction)
{
    if (f->length < MAX_FILTER)
        f->code[f->length++] = instruction;
}

static void rule(struct filter *f, unsigned number, uint32_t what)
{
    put(f, (struct sock_filter)SKIP_UNLESS(number, 1));
    put(f, (struct sock_filter)RETURN(what));
}

static void put_head(struct filter *f)
{
    put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                        offsetof(struct seccomp_data, arch)));
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                        AUDIT_ARCH_HERE, 1, 0));
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
    put(f, (struct sock_filter)LOAD_NUMBER);
#ifdef __x86_64__ /* the x32 numbers would be a second way in */
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000,
                                        0, 1));
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
#endif
}

/* Sockets of the internet family only, and only where they are wanted. */
static void put_socket(struct filter *f, const struct sandbox_spec *spec)
{
    put(f, (struct sock_filter)SKIP_UNLESS(__NR_socket, 4));
    put(f, (struct sock_filter)LOAD_FIRST);
    put(f, (struct sock_filter)SKIP_UNLESS(
               spec->internet ? AF_INET : ~0u /* none */, 1));
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
}

#define ALLOW(name) rule(f, __NR_##name, SECCOMP_RET_ALLOW);
#define KILL(name) rule(f, __NR_##name, SECCOMP_RET_KILL_PROCESS);

#ifdef SLIPWAY_SANITIZED

/* The sanitizers fork and trace their own process to look for leaks. */
static void put_rules(struct filter *f, const struct sandbox_spec *spec)
{
    put_socket(f, spec);
    KILL(execve)
    KILL(execveat)
    KILL(mount)
    KILL(bpf)
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
}

#else

/* A new thread, never a new process.  clone3 keeps its flags in memory, where
 * a filter cannot look: libc goes back to clone when it does not exist. */
static void put_clone(struct filter *f, const struct sandbox_spec *spec)
{
    rule(f, __NR_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    if (!spec->threads) {
        rule(f, __NR_clone, SECCOMP_RET_KILL_PROCESS);
        return;
    }
    put(f, (struct sock_filter)SKIP_UNLESS(__NR_clone, 4));
    put(f, (struct sock_filter)LOAD_FIRST);
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
                                        CLONE_THREAD, 0, 1));
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
}

static void put_rules(struct filter *f, const struct sandbox_spec *spec)
{
    SANDBOX_FILE_CALLS(ALLOW)
    SANDBOX_NETWORK_CALLS(ALLOW)
    SANDBOX_WAIT_CALLS(ALLOW)
    SANDBOX_PROCESS_CALLS(ALLOW)
    SANDBOX_OLD_CALLS(ALLOW)
    SANDBOX_X86_CALLS(ALLOW)
    SANDBOX_DEADLY_CALLS(KILL)
    SANDBOX_OLD_DEADLY_CALLS(KILL)
    SANDBOX_X86_DEADLY_CALLS(KILL)
    put_socket(f, spec);
    put(f, (struct sock_filter)LOAD_NUMBER);
    put_clone(f, spec);
    put(f, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | ENOSYS));
}

#endif

static int limit_calls(const struct sandbox_spec *spec, struct err *err)
{
    struct filter f = {.length = 0};
    struct sock_fprog program = {.filter = f.code};

    put_head(&f);
    put_rules(&f, spec);
    if (f.length >= MAX_FILTER)
        return err_set(err, ERR_INTERNAL, "the system-call filter is too long");
    program.len = f.length;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                &program) != 0)
        return err_set_errno(err, ERR_INTERNAL, errno,
                             "cannot enter a system-call filter");
    return 0;
}

#else

static int limit_calls(const struct sandbox_spec *spec, struct err *err)
{
    (void)spec;
    (void)err;
    log_debug("there is no system-call filter for this processor");
    return 0;
}

#endif

int sandbox_enter(const struct sandbox_spec *spec, struct err *err)
{
    struct err local = ERR_INIT;

    if (!err)
        err = &local;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set_errno(err, ERR_INTERNAL, errno,
                             "cannot give up privileges");
    if (set_limits(spec, err) != 0 || limit_files(spec, err) != 0)
        return err->code;
    return limit_calls(spec, err);
}

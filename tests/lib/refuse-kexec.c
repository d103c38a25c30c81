/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program whose kernel answers kexec_file_load(2) with one number:
 *
 *   refuse-kexec NUMBER PROGRAM [ARGUMENT...]
 *
 * 0 = it says that it has loaded.  A system-call filter answers, so that the
 * kernel of this machine never sees the call, and neither signature nor lock
 * of its own matters.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/util/num.h"

#ifdef SYS_kexec_file_load
static int answer_with(uint32_t number)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kexec_file_load, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | number),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}
#else
/* Such a kernel answers ENOSYS by itself. */
static int answer_with(uint32_t number)
{
    return number == ENOSYS ? 0 : -1;
}
#endif

int main(int argc, char **argv)
{
    uint64_t number = 0;
    if (argc < 3 || num_parse_u64(argv[1], 0, 4095, &number, NULL)) {
        (void)fputs("usage: refuse-kexec NUMBER PROGRAM [ARGUMENT...]\n",
                    stderr);
        return 2;
    }
    if (answer_with((uint32_t)number)) {
        perror("refuse-kexec");
        return 2;
    }
    (void)execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}

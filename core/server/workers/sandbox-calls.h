/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that a worker may make, for sandbox.c alone: what serving
 * files and datagrams, a heap, threads and a clock need.
 */
#ifndef CORE_SERVER_WORKERS_SANDBOX_CALLS_H
#define CORE_SERVER_WORKERS_SANDBOX_CALLS_H

#include <sys/syscall.h>

/* One number on all machines; headers may be older than they are. */
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif
#ifndef __NR_futex_waitv
#define __NR_futex_waitv 449
#endif

/* Files that are open, or below a folder that Landlock leaves open. */
#define SANDBOX_FILE_CALLS(X)                                                  \
    X(read) X(write) X(readv) X(writev) X(pread64) X(pwrite64) X(preadv)       \
    X(pwritev) X(preadv2) X(pwritev2) X(close) X(close_range) X(openat)        \
    X(openat2) X(fstat) X(newfstatat) X(statx) X(lseek) X(fcntl) X(dup)        \
    X(dup3) X(ioctl) X(sendfile) X(splice) X(copy_file_range) X(fadvise64)     \
    X(readahead) X(getdents64) X(readlinkat) X(faccessat) X(faccessat2)        \
    X(fsync) X(fdatasync) X(ftruncate) X(fallocate) X(sync_file_range)         \
    X(syncfs) X(renameat) X(renameat2) X(linkat) X(unlinkat) X(mkdirat)        \
    X(fchmod) X(fchmodat) X(utimensat) X(flock) X(memfd_create) X(pipe2)       \
    X(fstatfs) X(getcwd)

/* What only machines with a long history have. */
#ifdef __NR_open
#define SANDBOX_OLD_CALLS(X)                                                   \
    X(open) X(stat) X(lstat) X(access) X(readlink) X(unlink) X(rename)         \
    X(mkdir) X(dup2) X(pipe) X(poll) X(select) X(epoll_wait)                   \
    X(epoll_create) X(time) X(getrlimit)
#define SANDBOX_OLD_DEADLY_CALLS(X) X(fork) X(vfork) X(mknod)
#else
#define SANDBOX_OLD_CALLS(X)
#define SANDBOX_OLD_DEADLY_CALLS(X)
#endif
#ifdef __x86_64__
#define SANDBOX_X86_CALLS(X) X(arch_prctl)
#define SANDBOX_X86_DEADLY_CALLS(X) X(iopl) X(ioperm) X(modify_ldt)
#else
#define SANDBOX_X86_CALLS(X)
#define SANDBOX_X86_DEADLY_CALLS(X)
#endif

#define SANDBOX_NETWORK_CALLS(X)                                               \
    X(bind) X(connect) X(listen) X(accept) X(accept4) X(getsockname)           \
    X(getpeername) X(getsockopt) X(setsockopt) X(sendto) X(sendmsg)            \
    X(sendmmsg) X(recvfrom) X(recvmsg) X(recvmmsg) X(shutdown)

#define SANDBOX_WAIT_CALLS(X)                                                  \
    X(epoll_create1) X(epoll_ctl) X(epoll_pwait) X(epoll_pwait2) X(ppoll)      \
    X(pselect6) X(eventfd2) X(signalfd4) X(timerfd_create) X(timerfd_settime)  \
    X(nanosleep) X(clock_nanosleep) X(clock_gettime) X(clock_getres)           \
    X(gettimeofday) X(restart_syscall)

#define SANDBOX_PROCESS_CALLS(X)                                               \
    X(mmap) X(mprotect) X(munmap) X(mremap) X(madvise) X(brk) X(mincore)       \
    X(membarrier) X(rseq) X(set_robust_list) X(set_tid_address) X(futex)       \
    X(futex_waitv) X(sched_yield) X(sched_getaffinity) X(getcpu) X(exit)       \
    X(exit_group) X(rt_sigaction) X(rt_sigprocmask) X(rt_sigreturn)            \
    X(rt_sigtimedwait) X(sigaltstack) X(tgkill) X(gettid) X(getpid)            \
    X(getppid) X(getuid) X(geteuid) X(getgid) X(getegid) X(getrandom)          \
    X(uname) X(sysinfo) X(prlimit64) X(prctl) X(getrusage) X(times)            \
    X(getpriority) X(setpriority) X(mlock) X(munlock)

/* Nobody but an attacker makes these here: the process is killed. */
#define SANDBOX_DEADLY_CALLS(X)                                                \
    X(execve) X(execveat) X(ptrace) X(process_vm_readv) X(process_vm_writev)   \
    X(process_madvise) X(pidfd_getfd) X(kcmp) X(mount)    \
    X(umount2) X(move_mount) X(open_tree) X(fsopen) X(fsmount) X(fspick)       \
    X(mount_setattr) X(pivot_root) X(chroot) X(unshare) X(setns)               \
    X(init_module) X(finit_module) X(delete_module) X(kexec_load)              \
    X(kexec_file_load) X(reboot) X(bpf) X(perf_event_open) X(userfaultfd)      \
    X(add_key) X(request_key) X(keyctl) X(setuid) X(setgid) X(setreuid)        \
    X(setregid) X(setresuid) X(setresgid) X(setgroups) X(setfsuid)             \
    X(setfsgid) X(capset) X(personality) X(swapon) X(swapoff) X(quotactl)      \
    X(acct) X(mknodat)                                                         \
    X(settimeofday) X(clock_settime) X(adjtimex) X(clock_adjtime)              \
    X(sethostname) X(setdomainname) X(open_by_handle_at) X(socketpair)         \
    X(io_uring_setup)

#endif

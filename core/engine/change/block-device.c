/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/block-device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "core/engine/init/modules.h"

#define READY_MS 5000 /* until the kernel shows the device's size */

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

struct block_device {
    const struct block_server *server;
    int fd;
    int sockets[2]; /* the kernel's, the server's */
    pthread_t serving, waiting;
    bool served, waited; /* which threads there are */
    struct err failure;  /* of the server; read after its thread ended */
};

static void *serve(void *arg)
{
    struct block_device *device = arg;
    /* Memory that this thread needs must not wait for writes that it has to
     * answer itself (since Linux 5.6). */
    (void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    (void)block_server_run(device->server, device->sockets[1],
                           &device->failure);
    /* So that the kernel does not wait for what never comes. */
    (void)shutdown(device->sockets[1], SHUT_RDWR);
    return NULL;
}

static void *wait_in_kernel(void *arg)
{
    struct block_device *device = arg;
    (void)ioctl(device->fd, NBD_DO_IT); /* until it is disconnected */
    return NULL;
}

static void load_module(void)
{
    struct modules *modules = NULL;
    if (access(BLOCK_DEVICE, F_OK) == 0 ||
        modules_open(MODULES_FOLDER, &modules, NULL))
        return;
    (void)modules_load(modules, "nbd");
    modules_free(modules);
}

static int configure(struct block_device *device, uint32_t sector_bytes,
                     struct err *err)
{
    uint64_t sectors = device->server->length / sector_bytes;
    if (ioctl(device->fd, NBD_SET_BLKSIZE, (unsigned long)sector_bytes) ||
        ioctl(device->fd, NBD_SET_SIZE_BLOCKS, (unsigned long)sectors) ||
        ioctl(device->fd, NBD_SET_FLAGS,
              (unsigned long)(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH)) ||
        ioctl(device->fd, NBD_SET_SOCK, (unsigned long)device->sockets[0]))
        return err_set_errno(err, ERR_IO, errno,
                             "the kernel does not take a partition as '%s'",
                             BLOCK_DEVICE);
    return 0;
}

/* The kernel makes the device as long as it was told inside NBD_DO_IT, of
 * whose progress it tells nothing else. */
static int wait_until_ready(struct block_device *device, struct err *err)
{
    const struct timespec pause = {0, 1000000};
    uint64_t bytes = 0;
    for (unsigned i = 0; i < READY_MS; i++) {
        if (ioctl(device->fd, BLKGETSIZE64, &bytes) == 0 && bytes > 0)
            return 0;
        (void)nanosleep(&pause, NULL);
    }
    return err_set(err, ERR_TIMEOUT, "the kernel does not show '%s'",
                   BLOCK_DEVICE);
}

static int start_thread(pthread_t *thread, void *(*run)(void *arg),
                        struct block_device *device, bool *ret_started,
                        struct err *err)
{
    int number = pthread_create(thread, NULL, run, device);
    if (number)
        return err_set_errno(err, ERR_NO_MEMORY, number, "no further thread");
    *ret_started = true;
    return 0;
}

static int start(struct block_device *device, uint32_t sector_bytes,
                 struct err *err)
{
    load_module();
    device->fd = open(BLOCK_DEVICE, O_RDWR | O_CLOEXEC);
    if (device->fd < 0)
        return err_set_errno(err, ERR_UNSUPPORTED, errno,
                             "this engine's kernel cannot show a partition to "
                             "its file systems ('%s' does not open)",
                             BLOCK_DEVICE);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, device->sockets))
        return err_set_errno(err, ERR_IO, errno, "no pair of sockets");
    int code = configure(device, sector_bytes, err);
    if (!code)
        code = start_thread(&device->serving, serve, device, &device->served,
                            err);
    if (!code)
        code = start_thread(&device->waiting, wait_in_kernel, device,
                            &device->waited, err);
    return code ? code : wait_until_ready(device, err);
}

/* Both threads end: the server hears of it from the kernel, or by the end of
 * its socket. */
static void stop(struct block_device *device)
{
    if (device->waited) {
        (void)ioctl(device->fd, NBD_DISCONNECT);
        (void)pthread_join(device->waiting, NULL);
    }
    if (device->sockets[0] >= 0)
        (void)shutdown(device->sockets[0], SHUT_RDWR);
    if (device->served)
        (void)pthread_join(device->serving, NULL);
    if (device->fd >= 0)
        (void)ioctl(device->fd, NBD_CLEAR_SOCK);
    auto_close(&device->fd);
    auto_close(&device->sockets[0]);
    auto_close(&device->sockets[1]);
    free(device);
}

int block_device_attach(const struct block_server *server,
                        uint32_t sector_bytes, struct block_device **ret,
                        struct err *err)
{
    struct block_device *device = calloc(1, sizeof(*device));
    if (!device)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    device->server = server;
    device->fd = device->sockets[0] = device->sockets[1] = -1;
    int code = start(device, sector_bytes, err);
    if (code) {
        stop(device);
        return code;
    }
    *ret = device;
    return 0;
}

int block_device_detach(struct block_device *device, struct err *err)
{
    /* Only one at a time may open it exclusively: a file system that is still
     * mounted has. */
    AUTO_CLOSE int alone = open(BLOCK_DEVICE, O_RDWR | O_EXCL | O_CLOEXEC);
    int code = 0;
    if (alone < 0)
        code = err_set_errno(err, ERR_CONFLICT, errno,
                             "the file system is still in use");
    else if (fsync(alone))
        code = err_set_errno(err, ERR_IO, errno,
                             "the file system could not be written back");
    auto_close(&alone);
    alone = -1;
    stop(device);
    return code;
}

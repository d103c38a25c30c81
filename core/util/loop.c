/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: epoll, a heap of timers, a queue of posted work. */
#include "core/util/loop.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#define EVENTS_PER_ROUND 64
#define NEVER UINT64_MAX

struct loop_timer {
    struct loop *loop;
    uint64_t at_ms;
    uint64_t order; /* timers of one moment fire in the order they were made */
    size_t slot;    /* place in the heap */
    void (*fn)(void *arg);
    void *arg;
};

struct loop_watch {
    struct loop *loop;
    int fd;
    bool dead; /* cancelled while its event may still be in this round */
    void (*fn)(void *arg, unsigned events);
    void *arg;
    struct loop_watch *next_dead;
};

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    const struct seam *seam;
    int epoll_fd;
    int wake_fd;
    bool stopped;

    struct loop_timer **heap;
    size_t timer_count;
    size_t heap_capacity;
    uint64_t next_order;

    struct loop_watch *dead;
    size_t watch_count;

    pthread_mutex_t post_lock; /* guards posts, posts_end and held */
    struct post *posts;
    struct post **posts_end;
    unsigned held;

    int signal_fd;
    struct loop_watch *signal_watch;
    void (*on_signal)(void *arg, int number);
    void *signal_arg;
};

struct loop *loop_new(const struct seam *seam, struct err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for an event loop");
        return NULL;
    }
    loop->seam = seam;
    loop->signal_fd = -1;
    loop->posts_end = &loop->posts;
    (void)pthread_mutex_init(&loop->post_lock, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) != 0) {
        (void)err_set_errno(err, ERR_IO, errno, "cannot make an event loop");
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void free_dead(struct loop *loop)
{
    while (loop->dead) {
        struct loop_watch *watch = loop->dead;
        loop->dead = watch->next_dead;
        free(watch);
    }
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_watch_cancel(loop->signal_watch);
    if (loop->signal_fd >= 0)
        (void)close(loop->signal_fd);
    while (loop->timer_count > 0)
        loop_timer_cancel(loop->heap[0]);
    free(loop->heap);
    while (loop->posts) {
        struct post *post = loop->posts;
        loop->posts = post->next;
        free(post);
    }
    free_dead(loop);
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    (void)pthread_mutex_destroy(&loop->post_lock);
    free(loop);
}

const struct seam *loop_seam(const struct loop *loop)
{
    return loop->seam;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->seam->now_ms(loop->seam->context);
}

/* ---- timers: a binary heap ordered by time, then by age ---------------- */

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void place(struct loop *loop, struct loop_timer *timer, size_t slot)
{
    loop->heap[slot] = timer;
    timer->slot = slot;
}

static void sift_up(struct loop *loop, struct loop_timer *timer)
{
    size_t slot = timer->slot;
    while (slot > 0 && earlier(timer, loop->heap[(slot - 1) / 2])) {
        place(loop, loop->heap[(slot - 1) / 2], slot);
        slot = (slot - 1) / 2;
    }
    place(loop, timer, slot);
}

static void sift_down(struct loop *loop, struct loop_timer *timer)
{
    size_t slot = timer->slot;
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= loop->timer_count)
            break;
        if (child + 1 < loop->timer_count &&
            earlier(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!earlier(loop->heap[child], timer))
            break;
        place(loop, loop->heap[child], slot);
        slot = child;
    }
    place(loop, timer, slot);
}

struct loop_timer *loop_timer(struct loop *loop, uint64_t delay_ms,
                              void (*fn)(void *arg), void *arg)
{
    if (loop->timer_count == loop->heap_capacity) {
        size_t capacity = MAX(loop->heap_capacity * 2, (size_t)16);
        struct loop_timer **heap =
            realloc(loop->heap, capacity * sizeof(*heap));
        if (!heap)
            return NULL;
        loop->heap = heap;
        loop->heap_capacity = capacity;
    }
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return NULL;
    uint64_t now = loop_now_ms(loop);
    timer->loop = loop;
    timer->at_ms = delay_ms > NEVER - 1 - now ? NEVER - 1 : now + delay_ms;
    timer->order = loop->next_order++;
    timer->fn = fn;
    timer->arg = arg;
    timer->slot = loop->timer_count++;
    sift_up(loop, timer);
    return timer;
}

static void heap_remove(struct loop *loop, struct loop_timer *timer)
{
    struct loop_timer *last = loop->heap[--loop->timer_count];
    if (last == timer)
        return;
    last->slot = timer->slot;
    sift_up(loop, last);
    sift_down(loop, last);
}

void loop_timer_cancel(struct loop_timer *timer)
{
    if (!timer)
        return;
    heap_remove(timer->loop, timer);
    free(timer);
}

static uint64_t next_timer_ms(const struct loop *loop)
{
    return loop->timer_count > 0 ? loop->heap[0]->at_ms : NEVER;
}

static bool run_timers(struct loop *loop)
{
    /* Timers made by a handler wait for the next round, or a timer of zero
     * milliseconds that renews itself would starve everything else. */
    uint64_t now = loop_now_ms(loop);
    uint64_t newest = loop->next_order;
    bool ran = false;
    while (loop->timer_count > 0 && loop->heap[0]->at_ms <= now &&
           loop->heap[0]->order < newest && !loop->stopped) {
        struct loop_timer *timer = loop->heap[0];
        void (*fn)(void *) = timer->fn;
        void *arg = timer->arg;
        heap_remove(loop, timer);
        free(timer);
        fn(arg);
        ran = true;
    }
    return ran;
}

/* ---- watches ------------------------------------------------------------ */

static uint32_t epoll_bits(unsigned events)
{
    return (events & LOOP_READ ? (uint32_t)EPOLLIN : 0u) |
           (events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0u);
}

struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned events,
                              void (*fn)(void *arg, unsigned events), void *arg)
{
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return NULL;
    *watch = (struct loop_watch){loop, fd, false, fn, arg, NULL};
    struct epoll_event event = {.events = epoll_bits(events),
                                .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(watch);
        return NULL;
    }
    loop->watch_count++;
    return watch;
}

void loop_watch_change(struct loop_watch *watch, unsigned events)
{
    struct epoll_event event = {.events = epoll_bits(events),
                                .data.ptr = watch};
    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_watch_cancel(struct loop_watch *watch)
{
    if (!watch || watch->dead)
        return;
    struct loop *loop = watch->loop;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    loop->watch_count--;
    watch->dead = true;
    watch->next_dead = loop->dead;
    loop->dead = watch;
}

/* ---- posts -------------------------------------------------------------- */

static void wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t put;
    do {
        put = write(loop->wake_fd, &one, sizeof(one));
    } while (put < 0 && errno == EINTR);
}

int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct post *post = calloc(1, sizeof(*post));
    if (!post)
        return -1;
    post->fn = fn;
    post->arg = arg;
    (void)pthread_mutex_lock(&loop->post_lock);
    *loop->posts_end = post;
    loop->posts_end = &post->next;
    (void)pthread_mutex_unlock(&loop->post_lock);
    wake(loop);
    return 0;
}

void loop_hold(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->post_lock);
    loop->held++;
    (void)pthread_mutex_unlock(&loop->post_lock);
}

void loop_release(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->post_lock);
    loop->held--;
    (void)pthread_mutex_unlock(&loop->post_lock);
    wake(loop);
}

static bool is_held(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->post_lock);
    bool held = loop->held > 0;
    (void)pthread_mutex_unlock(&loop->post_lock);
    return held;
}

static bool run_posts(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->post_lock);
    struct post *post = loop->posts;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    (void)pthread_mutex_unlock(&loop->post_lock);
    bool ran = post != NULL;
    while (post) {
        struct post *next = post->next;
        post->fn(post->arg);
        free(post);
        post = next;
    }
    return ran;
}

static bool has_posts(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->post_lock);
    bool any = loop->posts != NULL;
    (void)pthread_mutex_unlock(&loop->post_lock);
    return any;
}

/* ---- rounds ------------------------------------------------------------- */

static bool run_watches(struct loop *loop, int timeout_ms)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    int count =
        epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, timeout_ms);
    bool ran = false;
    for (int i = 0; i < count; i++) {
        struct loop_watch *watch = events[i].data.ptr;
        if (!watch) {
            uint64_t dropped;
            (void)!read(loop->wake_fd, &dropped, sizeof(dropped));
            continue;
        }
        if (watch->dead)
            continue;
        unsigned ready = 0;
        if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP))
            ready |= LOOP_READ;
        if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            ready |= LOOP_WRITE;
        watch->fn(watch->arg, ready);
        ran = true;
    }
    free_dead(loop);
    return ran;
}

static int wait_ms(struct loop *loop, uint64_t until_ms)
{
    if (has_posts(loop))
        return 0;
    uint64_t at = MIN(next_timer_ms(loop), until_ms);
    if (at == NEVER)
        return -1;
    uint64_t now = loop_now_ms(loop);
    return at <= now ? 0 : (int)MIN(at - now, (uint64_t)INT32_MAX);
}

/* One round of a simulation; false when nothing more can happen. */
static bool simulate(struct loop *loop, uint64_t until_ms)
{
    bool ran = run_watches(loop, 0);
    ran |= run_posts(loop);
    ran |= run_timers(loop);
    if (ran || loop->stopped)
        return true;
    if (is_held(loop)) {
        (void)run_watches(loop, 1000);
        return true;
    }
    if (has_posts(loop))
        return true;
    return loop->seam->advance(loop->seam->context,
                               MIN(next_timer_ms(loop), until_ms));
}

static void run_until(struct loop *loop, uint64_t until_ms)
{
    loop->stopped = false;
    while (!loop->stopped) {
        if (loop->seam->advance) {
            if (!simulate(loop, until_ms))
                return;
            if (until_ms != NEVER && loop_now_ms(loop) >= until_ms &&
                next_timer_ms(loop) > until_ms && !has_posts(loop) &&
                !is_held(loop))
                return;
            continue;
        }
        (void)run_watches(loop, wait_ms(loop, until_ms));
        (void)run_posts(loop);
        (void)run_timers(loop);
        if (loop_now_ms(loop) >= until_ms)
            return;
    }
}

void loop_run(struct loop *loop)
{
    run_until(loop, NEVER);
}

void loop_run_for(struct loop *loop, uint64_t span_ms)
{
    run_until(loop, loop_now_ms(loop) + span_ms);
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

/* ---- signals ------------------------------------------------------------ */

static void signal_ready(void *arg, unsigned events)
{
    struct loop *loop = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
        loop->on_signal(loop->signal_arg, (int)info.ssi_signo);
}

int loop_signals(struct loop *loop, const int *signals, size_t count,
                 void (*fn)(void *arg, int number), void *arg, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        (void)sigaddset(&set, signals[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signal_fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot watch for signals");
    loop->on_signal = fn;
    loop->signal_arg = arg;
    loop->signal_watch =
        loop_watch(loop, loop->signal_fd, LOOP_READ, signal_ready, loop);
    if (!loop->signal_watch)
        return err_set(err, ERR_NO_MEMORY, "no memory to watch for signals");
    return 0;
}

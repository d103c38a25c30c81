/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for blocking work: see pool.h. */
#include "core/util/pool.h"

#include <pthread.h>

struct job {
    struct job *next;
    struct loop *loop;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct pool {
    struct loop *loop;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    struct job *jobs;
    struct job **jobs_end;
    size_t queued;
    size_t max_queued;
    bool ending;
    unsigned thread_count;
    pthread_t threads[];
};

static void finish(void *arg)
{
    struct job *job = arg;
    job->done(job->arg);
    free(job);
}

static struct job *next_job(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->jobs && !pool->ending)
        (void)pthread_cond_wait(&pool->changed, &pool->lock);
    struct job *job = pool->ending ? NULL : pool->jobs;
    if (job) {
        pool->jobs = job->next;
        if (!pool->jobs)
            pool->jobs_end = &pool->jobs;
        pool->queued--;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *run(void *arg)
{
    struct pool *pool = arg;
    struct job *job;
    while ((job = next_job(pool))) {
        struct loop *loop = job->loop;
        job->work(job->arg);
        if (loop_post(loop, finish, job) != 0)
            abort(); /* losing a completion would hang its caller */
        loop_release(loop);
    }
    return NULL;
}

struct pool *pool_new(struct loop *loop, unsigned threads, size_t max_queued,
                      struct err *err)
{
    struct pool *pool =
        calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
    if (!pool) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a thread pool");
        return NULL;
    }
    pool->loop = loop;
    pool->max_queued = max_queued;
    pool->jobs_end = &pool->jobs;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->changed, NULL);
    for (; pool->thread_count < threads; pool->thread_count++) {
        int number = pthread_create(&pool->threads[pool->thread_count], NULL,
                                    run, pool);
        if (number != 0) {
            (void)err_set_errno(err, ERR_IO, number, "cannot start a thread");
            pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        (void)pthread_join(pool->threads[i], NULL);
    while (pool->jobs) {
        struct job *job = pool->jobs;
        pool->jobs = job->next;
        loop_release(job->loop);
        free(job);
    }
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int pool_submit(struct pool *pool, void (*work)(void *arg),
                void (*done)(void *arg), void *arg)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return ERR_NO_MEMORY;
    *job = (struct job){NULL, pool->loop, work, done, arg};
    loop_hold(pool->loop); /* before a thread can release it */
    (void)pthread_mutex_lock(&pool->lock);
    bool full = pool->queued >= pool->max_queued;
    if (!full) {
        *pool->jobs_end = job;
        pool->jobs_end = &job->next;
        pool->queued++;
        (void)pthread_cond_signal(&pool->changed);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (full) {
        loop_release(pool->loop);
        free(job);
        return ERR_UNAVAILABLE;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/clerk.h"
#include "common/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERRAND, STOP };

struct hedged_clerk {
        hedged_clerk_settings_t settings;
        hedge_mailbox_t *queue;
        hedge_mail_t stop;
        pthread_t thread;
};

static void drop_frames(hedged_errand_t *e)
{
        for (uint32_t i = 0; i < e->n_frames; i++)
                zmq_msg_close(&e->frames[i]);
        free(e->frames);
        e->frames = NULL;
        e->n_frames = 0;
}

void hedged_errand_destroy(hedged_errand_t **errand)
{
        if (!*errand)
                return;
        drop_frames(*errand);
        free((*errand)->files[0]);
        free((*errand)->files[1]);
        if ((*errand)->kind == HEDGED_ERRAND_CREATE)
                hedged_folder_close(&(*errand)->folder);
        free(*errand);
        *errand = NULL;
}

static int create(hedged_clerk_t *clerk, hedged_errand_t *e)
{
        int r = hedged_folder_create(clerk->settings.jobs, clerk->settings.number, e->frames, e->n_frames, &e->folder,
                                     &e->why);

        drop_frames(e);
        if (r == 0)
                e->job = clerk->settings.number++;
        return r;
}

static int read_all(int fd, char *at, size_t size)
{
        while (size > 0) {
                ssize_t n = read(fd, at, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO; /* cut short while it was read */
                at += n;
                size -= (size_t)n;
        }
        return 0;
}

static int read_frame(const char *path, uint64_t bytes_max, zmq_msg_t *ret)
{
        struct stat info;
        int fd = open(path, O_RDONLY | O_CLOEXEC), r;

        if (fd < 0)
                return -errno;
        r = fstat(fd, &info) < 0 ? -errno : 0;
        if (r == 0 && (uint64_t)info.st_size > bytes_max)
                r = HEDGE_ELIMIT;
        if (r == 0 && zmq_msg_init_size(ret, (size_t)info.st_size) < 0)
                r = -ENOMEM;
        if (r == 0) {
                r = read_all(fd, zmq_msg_data(ret), (size_t)info.st_size);
                if (r < 0)
                        zmq_msg_close(ret);
        }
        close(fd);
        return r;
}

static int read_model(const hedged_clerk_t *clerk, hedged_errand_t *e)
{
        e->frames = calloc(2, sizeof(*e->frames));
        if (!e->frames)
                return hedge_why(&e->why, -ENOMEM, "out of memory");
        for (; e->n_frames < 2; e->n_frames++) {
                int r = read_frame(e->files[e->n_frames], clerk->settings.file_bytes, &e->frames[e->n_frames]);

                if (r < 0)
                        return hedge_why(&e->why, r, "job %llu has no model: %s: %s", (unsigned long long)e->job,
                                         e->files[e->n_frames], hedge_strerror(r));
        }
        return 0;
}

static int work(hedged_clerk_t *clerk, hedged_errand_t *e)
{
        switch (e->kind) {
        case HEDGED_ERRAND_CREATE:
                return create(clerk, e);
        case HEDGED_ERRAND_LOG:
                return e->is_epoch ? hedged_folder_log_epoch(e->folder, &e->epoch)
                                   : hedged_folder_log_event(e->folder, &e->event);
        case HEDGED_ERRAND_END:
                return hedged_folder_end(e->folder, e->state, e->text);
        case HEDGED_ERRAND_MODEL:
                return read_model(clerk, e);
        case HEDGED_ERRAND_REMOVE:
                return hedged_folder_remove(clerk->settings.jobs, e->job);
        }
        return -EINVAL;
}

static void *clerk_main(void *arg)
{
        hedged_clerk_t *clerk = arg;

        for (;;) {
                hedge_mail_t *mail = hedge_mailbox_wait(clerk->queue, -1);
                hedged_errand_t *e = (hedged_errand_t *)mail;

                if (mail->kind == STOP)
                        return NULL;
                e->result = work(clerk, e);
                if (e->result < 0 && !*e->why.text)
                        hedge_why(&e->why, e->result, "%s", hedge_strerror(e->result));
                mail->kind = clerk->settings.done_kind;
                hedge_mailbox_put(clerk->settings.loop, mail);
        }
}

int hedged_clerk_new(const hedged_clerk_settings_t *settings, hedged_clerk_t **ret)
{
        hedged_clerk_t *clerk = calloc(1, sizeof(*clerk));
        int r;

        if (!clerk)
                return -ENOMEM;
        clerk->settings = *settings;
        r = hedge_mailbox_new(&clerk->queue);
        if (r == 0)
                r = hedge_thread_start(&clerk->thread, 0, clerk_main, clerk);
        if (r < 0) {
                hedge_mailbox_destroy(&clerk->queue);
                free(clerk);
                return r;
        }
        *ret = clerk;
        return 0;
}

void hedged_clerk_destroy(hedged_clerk_t **clerk)
{
        if (!*clerk)
                return;
        (*clerk)->stop.kind = STOP;
        hedge_mailbox_put((*clerk)->queue, &(*clerk)->stop);
        pthread_join((*clerk)->thread, NULL);
        hedge_mailbox_destroy(&(*clerk)->queue);
        free(*clerk);
        *clerk = NULL;
}

void hedged_clerk_send(hedged_clerk_t *clerk, hedged_errand_t *errand)
{
        errand->mail.kind = ERRAND;
        hedge_mailbox_put(clerk->queue, &errand->mail);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/jobs/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/wire/actors.h"

struct hedged_storage {
        hedged_storage_settings_t settings;
        hedge_actors_t *thread;
};

static void drop_frames(hedged_storage_op_t *e)
{
        for (uint32_t i = 0; i < e->n_frames; i++)
                zmq_msg_close(&e->frames[i]);
        free(e->frames);
        e->frames = NULL;
        e->n_frames = 0;
}

void hedged_storage_op_destroy(hedged_storage_op_t **op)
{
        if (!*op)
                return;
        drop_frames(*op);
        free((*op)->files[0]);
        free((*op)->files[1]);
        if ((*op)->kind == HEDGED_STORAGE_CREATE)
                hedged_folder_close(&(*op)->folder);
        free(*op);
        *op = NULL;
}

static int create(hedged_storage_t *storage, hedged_storage_op_t *e)
{
        int r = hedged_folder_create(storage->settings.jobs, storage->settings.number, e->frames, e->n_frames,
                                     &e->folder, &e->why);

        drop_frames(e);
        if (r == 0)
                e->job = storage->settings.number++;
        return r;
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
                r = hedge_io_read_exactly(fd, zmq_msg_data(ret), (size_t)info.st_size);
                if (r < 0)
                        zmq_msg_close(ret);
        }
        close(fd);
        return r;
}

static int read_model(const hedged_storage_t *storage, hedged_storage_op_t *e)
{
        e->frames = calloc(2, sizeof(*e->frames));
        if (!e->frames)
                return hedge_why(&e->why, -ENOMEM, "out of memory");
        for (; e->n_frames < 2; e->n_frames++) {
                int r = read_frame(e->files[e->n_frames], storage->settings.file_bytes, &e->frames[e->n_frames]);

                if (r < 0)
                        return hedge_why(&e->why, r, "job %llu has no model: %s: %s", (unsigned long long)e->job,
                                         e->files[e->n_frames], hedge_strerror(r));
        }
        return 0;
}

static int work(hedged_storage_t *storage, hedged_storage_op_t *e)
{
        switch (e->kind) {
        case HEDGED_STORAGE_CREATE:
                return create(storage, e);
        case HEDGED_STORAGE_LOG:
                return e->is_epoch ? hedged_folder_log_epoch(e->folder, &e->epoch)
                                   : hedged_folder_log_event(e->folder, &e->event);
        case HEDGED_STORAGE_END:
                return hedged_folder_end(e->folder, e->state, e->text);
        case HEDGED_STORAGE_MODEL:
                return read_model(storage, e);
        case HEDGED_STORAGE_REMOVE:
                return hedged_folder_remove(storage->settings.jobs, e->job);
        }
        return -EINVAL;
}

static void do_op(void *arg, hedge_mail_t *mail)
{
        hedged_storage_t *storage = arg;
        hedged_storage_op_t *op = (hedged_storage_op_t *)mail;

        op->result = work(storage, op);
        if (op->result < 0 && !*op->why.text)
                hedge_why(&op->why, op->result, "%s", hedge_strerror(op->result));
        mail->kind = storage->settings.done_kind;
        hedge_mailbox_put(storage->settings.loop, mail);
}

int hedged_storage_new(const hedged_storage_settings_t *settings, hedged_storage_t **ret)
{
        hedged_storage_t *storage = calloc(1, sizeof(*storage));
        int r;

        if (!storage)
                return -ENOMEM;
        storage->settings = *settings;
        r = hedge_actors_new(1, do_op, storage, &storage->thread);
        if (r < 0)
                free(storage);
        else
                *ret = storage;
        return r;
}

void hedged_storage_destroy(hedged_storage_t **storage)
{
        if (!*storage)
                return;
        hedge_actors_destroy(&(*storage)->thread);
        free(*storage);
        *storage = NULL;
}

void hedged_storage_send(hedged_storage_t *storage, hedged_storage_op_t *op)
{
        op->mail.kind = 0;
        hedge_actors_put(storage->thread, &op->mail);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/job_log.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"

#define EPOCH(member)                                           \
        {                                                       \
#member, offsetof(hedge_epoch_report_t, member) \
        }

/* The doubles of an epoch. */
static const struct {
        const char *key;
        size_t offset;
} epoch_numbers[] = {
        EPOCH(loss),
        EPOCH(test_loss),
        EPOCH(test_accuracy),
        EPOCH(seconds),
        EPOCH(ms_per_step),
        EPOCH(samples_per_s),
        EPOCH(bytes_up_per_step),
        EPOCH(bytes_down_per_step),
        EPOCH(bits_per_entry),
        EPOCH(entropy),
        EPOCH(boards),
};

#define N_NUMBERS (sizeof(epoch_numbers) / sizeof(epoch_numbers[0]))

/* Put a value, which is taken over, into an object; once something fails the object is gone. */
static void put(json_object **object, const char *key, json_object *value)
{
        if (*object && value && json_object_object_add(*object, key, value) == 0)
                return;
        json_object_put(value);
        json_object_put(*object);
        *object = NULL;
}

static void put_number(json_object **object, const char *key, double value)
{
        if (isfinite(value))
                put(object, key, json_object_new_double(value));
        else if (*object && json_object_object_add(*object, key, NULL) < 0)
                put(object, key, NULL);
}

/* Does the file end inside a line? */
static bool is_broken(int fd)
{
        const off_t end = lseek(fd, 0, SEEK_END);
        char last;

        return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

/* Add the object, which is released, as a line. */
static int append(const char *path, int flags, json_object *object, bool sync)
{
        const char *text = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
        char *line = NULL;
        int fd = -1, size, r = -ENOMEM;

        if (!text)
                goto out;
        fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0640);
        if (fd < 0) {
                r = -errno;
                goto out;
        }
        size = asprintf(&line, "%s%s\n", is_broken(fd) ? "\n" : "", text);
        if (size < 0) {
                line = NULL;
                goto out;
        }
        r = hedge_io_write(fd, line, (size_t)size);
        if (r == 0 && sync && fdatasync(fd) < 0)
                r = -errno;
out:
        if (fd >= 0)
                close(fd);
        free(line);
        json_object_put(object);
        return r;
}

int hedged_job_log_begin(const char *path, double created_s)
{
        json_object *o = json_object_new_object();

        put_number(&o, "created", created_s);
        return append(path, O_CREAT | O_EXCL, o, true);
}

int hedged_job_log_epoch(const char *path, const hedge_epoch_report_t *epoch)
{
        json_object *o = json_object_new_object();

        put(&o, "epoch", json_object_new_int64(epoch->epoch));
        for (size_t i = 0; i < N_NUMBERS; i++) {
                double value;

                memcpy(&value, (const char *)epoch + epoch_numbers[i].offset, sizeof(value));
                put_number(&o, epoch_numbers[i].key, value);
        }
        put(&o, "late", json_object_new_int64(epoch->late));
        return append(path, 0, o, true);
}

int hedged_job_log_event(const char *path, const hedge_job_event_t *event)
{
        json_object *o = json_object_new_object();

        put(&o, "event", json_object_new_string(event->text));
        put(&o, "step", json_object_new_uint64(event->step));
        put_number(&o, "at_s", event->at_s);
        return append(path, 0, o, false);
}

int hedged_job_log_end(const char *path, const char *state, const char *text)
{
        json_object *o = json_object_new_object();

        put(&o, "end", json_object_new_string(state));
        put(&o, "text", json_object_new_string(text));
        return append(path, 0, o, true);
}

static double number_of(const json_object *object, const char *key)
{
        json_object *value = NULL;

        if (json_object_object_get_ex(object, key, &value) && !value)
                return INFINITY;
        return value ? json_object_get_double(value) : 0;
}

static uint64_t count_of(const json_object *object, const char *key, uint64_t max)
{
        json_object *value = NULL;
        uint64_t n;

        json_object_object_get_ex(object, key, &value);
        n = value ? json_object_get_uint64(value) : 0;
        return n < max ? n : max;
}

/* Room for one more of n entries that are kept in powers of two. */
static void *grown(void *list, uint32_t n, size_t size)
{
        return n & (n - 1) ? list : reallocarray(list, n ? 2 * (size_t)n : 1, size);
}

static int take_epoch(const json_object *o, hedged_job_log_t *log)
{
        hedge_epoch_report_t epoch = { .epoch = (uint32_t)count_of(o, "epoch", UINT32_MAX),
                                       .late = (uint32_t)count_of(o, "late", UINT32_MAX) };
        hedge_epoch_report_t *list;

        if (epoch.epoch < 1)
                return 0;
        for (size_t i = 0; i < N_NUMBERS; i++) {
                const double value = number_of(o, epoch_numbers[i].key);

                memcpy((char *)&epoch + epoch_numbers[i].offset, &value, sizeof(value));
        }
        list = grown(log->epochs, log->n_epochs, sizeof(*list));
        if (!list)
                return -ENOMEM;
        log->epochs = list;
        while (log->n_epochs && list[log->n_epochs - 1].epoch >= epoch.epoch)
                log->n_epochs--;
        list[log->n_epochs++] = epoch;
        return 0;
}

static int take_event(const json_object *o, json_object *text, hedged_job_log_t *log)
{
        hedge_job_event_t event = { .step = count_of(o, "step", UINT64_MAX), .at_s = number_of(o, "at_s") };
        hedge_job_event_t *list = grown(log->events, log->n_events, sizeof(*list));

        if (!list)
                return -ENOMEM;
        log->events = list;
        snprintf(event.text, sizeof(event.text), "%s", json_object_get_string(text));
        list[log->n_events++] = event;
        return 0;
}

static int take_line(const char *line, hedged_job_log_t *log)
{
        json_object *o = json_tokener_parse(line), *value;
        int r = 0;

        if (json_object_object_get_ex(o, "epoch", NULL)) {
                r = take_epoch(o, log);
        } else if (json_object_object_get_ex(o, "event", &value) && value) {
                r = take_event(o, value, log);
        } else if (json_object_object_get_ex(o, "end", &value) && value) {
                snprintf(log->state, sizeof(log->state), "%s", json_object_get_string(value));
                if (json_object_object_get_ex(o, "text", &value) && value)
                        snprintf(log->text, sizeof(log->text), "%s", json_object_get_string(value));
        } else if (json_object_object_get_ex(o, "created", NULL)) {
                log->created_s = number_of(o, "created");
        }
        json_object_put(o);
        return r;
}

int hedged_job_log_read(const char *path, hedged_job_log_t *ret)
{
        hedged_job_log_t log = { .n_epochs = 0 };
        FILE *file = fopen(path, "re");
        char *line = NULL;
        size_t room = 0;
        int r = 0;

        if (!file)
                return -errno;
        errno = 0;
        while (r == 0 && getline(&line, &room, file) >= 0)
                r = take_line(line, &log);
        if (r == 0 && !feof(file))
                r = errno ? -errno : -EIO;
        free(line);
        fclose(file);
        if (r < 0)
                hedged_job_log_release(&log);
        else
                *ret = log;
        return r;
}

void hedged_job_log_release(hedged_job_log_t *log)
{
        free(log->epochs);
        free(log->events);
        *log = (hedged_job_log_t){ .n_epochs = 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/training.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "client/table.h"

#define LINE   79
#define BAR    30
#define BAR_AT 5 /* no bar that is shorter */
#define INDENT 7 /* of an event's lines: past the column EPOCH */

bool hedgec_training_ended(const hedge_job_status_t *status)
{
        return !strcmp(status->state, "done") || !strcmp(status->state, "failed") || !strcmp(status->state, "stopped");
}

/* ---- texts ---- */

/* A number in a column of a table: no value may push the others away. */
static const char *number(double value, int decimals, double limit, char buf[32])
{
        snprintf(buf, 32, fabs(value) < limit ? "%.*f" : "%.*e", fabs(value) < limit ? decimals : 1, value);
        return buf;
}

static const char *count(double value)
{
        return hedgec_text_count(value > 0 ? (unsigned long long)value : 0);
}

static const char *bytes(double value)
{
        return hedgec_text_bytes(value > 0 ? (unsigned long long)value : 0);
}

static const char *duration(double seconds)
{
        return hedgec_text_duration(seconds > 0 ? (unsigned long long)(seconds * 1000) : 0);
}

static const char *percent(double share, char buf[32])
{
        if (share < 0)
                return strcpy(buf, "-");
        snprintf(buf, 32, "%.2f %%", 100 * share);
        return buf;
}

static void print_heading(FILE *out)
{
        fputs("EPOCH      LOSS      TEST   MS/STEP     UP/STEP   BITS  BOARDS\n", out);
}

static void print_epoch(const hedge_epoch_report_t *epoch, FILE *out)
{
        char loss[32], test[32], ms[32], bits[32] = "-", boards[32] = "-", up[32] = "-";

        if (epoch->bytes_up_per_step > 0)
                snprintf(up, sizeof(up), "%s", bytes(epoch->bytes_up_per_step));
        if (epoch->bits_per_entry > 0)
                number(epoch->bits_per_entry, 2, 100, bits);
        if (epoch->boards > 0)
                number(epoch->boards, 1, 1000, boards);
        fprintf(out, "%5" PRIu32 "  %8s  %8s  %8s  %10s  %5s  %6s\n", epoch->epoch, number(epoch->loss, 4, 100, loss),
                percent(epoch->test_accuracy, test), number(epoch->ms_per_step, 1, 1e6, ms), up, bits, boards);
}

/* Words, on as many lines as they need. */
static void print_wrapped(const char *text, int indent, FILE *out)
{
        int column = indent;

        while (*text) {
                int length = (int)strcspn(text, " ");

                if (column > indent && column + 1 + length > LINE) {
                        fprintf(out, "\n%*s", indent, "");
                        column = indent;
                } else if (column > indent) {
                        fputc(' ', out);
                        column++;
                }
                for (int i = 0; i < length; i++)
                        fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i], out);
                column += length;
                text += length + (text[length] == ' ');
        }
        fputc('\n', out);
}

static void print_event(const hedge_job_event_t *event, FILE *out)
{
        char text[sizeof(event->text) + 32];

        snprintf(text, sizeof(text), "step %" PRIu64 ": %s", event->step, event->text);
        fprintf(out, "%*s", INDENT, "");
        print_wrapped(text, INDENT, out);
}

char *hedgec_training_end_text(const hedge_job_status_t *status, char *buf, size_t size)
{
        char test[32];
        int n = snprintf(buf, size, "%s", status->state);

        if (!strcmp(status->state, "failed")) {
                snprintf(buf + n, size - (size_t)n, ": %s", status->text[0] ? status->text : "it does not say why");
                return buf;
        }
        n += snprintf(buf + n, size - (size_t)n, " after %" PRIu32, status->epoch);
        if (status->epoch < status->epochs)
                n += snprintf(buf + n, size - (size_t)n, " of %" PRIu32, status->epochs);
        n += snprintf(buf + n, size - (size_t)n, " %s", status->epochs == 1 ? "epoch" : "epochs");
        if (status->test_accuracy >= 0 && status->epoch)
                snprintf(buf + n, size - (size_t)n, ": %s of the test images are right",
                         percent(status->test_accuracy, test));
        return buf;
}

/* ---- the bar ---- */

/* "1:02" or "3:01:02". */
static const char *clock_text(double seconds, char buf[32])
{
        uint64_t s = seconds < 1e9 ? (uint64_t)seconds : 1000000000;

        if (s < 3600)
                snprintf(buf, 32, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
        else
                snprintf(buf, 32, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
        return buf;
}

/* What stands behind the bar: what is known of it so far. */
static void bar_tail(const hedge_job_status_t *status, char *buf, size_t size)
{
        char text[32];
        size_t n = 0;

        buf[0] = '\0';
        if (status->step)
                n += (size_t)snprintf(buf, size, " loss %s", number(status->loss, 4, 100, text));
        if (status->test_accuracy >= 0 && status->epoch)
                n += (size_t)snprintf(buf + n, size - n, " %.1f%%", 100 * status->test_accuracy);
        if (status->samples_per_s > 0)
                n += (size_t)snprintf(buf + n, size - n, " %s/s", count(status->samples_per_s));
        if (status->bytes_up_per_step > 0)
                n += (size_t)snprintf(buf + n, size - n, " %s up", bytes(status->bytes_up_per_step));
        if (status->boards)
                n += (size_t)snprintf(buf + n, size - n, " %" PRIu32 " boards", status->boards);
        if (status->left_s >= 0)
                snprintf(buf + n, size - n, " %s left", clock_text(status->left_s, text));
}

char *hedgec_training_bar(const hedge_job_status_t *status, char *buf, size_t size)
{
        uint32_t epoch = status->epoch < status->epochs ? status->epoch + 1 : status->epochs;
        double done = status->steps ? (double)status->step / (double)status->steps : 0;
        char head[48], tail[256], bar[BAR + 1];
        int width, filled;

        if (!strcmp(status->state, "queued")) {
                snprintf(buf, size, "job %" PRIu64 " waits until those before it have ended", status->job);
                return buf;
        }
        snprintf(head, sizeof(head), "epoch %" PRIu32 "/%" PRIu32 "%s", epoch, status->epochs,
                 strcmp(status->state, "waiting") ? "" : " waits for boards");
        bar_tail(status, tail, sizeof(tail));
        width = LINE - (int)strlen(head) - (int)strlen(tail) - 3;
        width = width > BAR ? BAR : width;
        filled = (int)((done > 1 ? 1 : done) * width);
        if (width >= BAR_AT) {
                memset(bar, '.', sizeof(bar));
                memset(bar, '#', (size_t)filled);
                bar[width] = '\0';
                snprintf(buf, size, "%s [%s]%s", head, bar, tail);
        } else {
                snprintf(buf, size, "%s%.*s", head, LINE - (int)strlen(head), tail);
        }
        return buf;
}

/* ---- JSON ---- */

struct json_object *hedgec_training_epoch_json(hedgec_json_t *json, uint64_t job, const hedge_epoch_report_t *epoch)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_uint(json, object, "job", job);
        hedgec_json_add_uint(json, object, "epoch", epoch->epoch);
        hedgec_json_add_double(json, object, "loss", epoch->loss, 9);
        hedgec_json_add_double(json, object, "test_loss", epoch->test_loss, 9);
        hedgec_json_add_double(json, object, "test_accuracy", epoch->test_accuracy, 9);
        hedgec_json_add_double(json, object, "seconds", epoch->seconds, 6);
        hedgec_json_add_double(json, object, "ms_per_step", epoch->ms_per_step, 6);
        hedgec_json_add_double(json, object, "samples_per_s", epoch->samples_per_s, 6);
        hedgec_json_add_double(json, object, "bytes_up_per_step", epoch->bytes_up_per_step, 9);
        hedgec_json_add_double(json, object, "bytes_down_per_step", epoch->bytes_down_per_step, 9);
        hedgec_json_add_double(json, object, "bits_per_entry", epoch->bits_per_entry, 6);
        hedgec_json_add_double(json, object, "entropy", epoch->entropy, 6);
        hedgec_json_add_uint(json, object, "late", epoch->late);
        hedgec_json_add_double(json, object, "boards", epoch->boards, 6);
        return object;
}

struct json_object *hedgec_training_event_json(hedgec_json_t *json, uint64_t job, const hedge_job_event_t *event)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_uint(json, object, "job", job);
        hedgec_json_add_string(json, object, "event", event->text);
        hedgec_json_add_uint(json, object, "step", event->step);
        hedgec_json_add_double(json, object, "at_s", event->at_s, 9);
        return object;
}

/* A number that is negative where it is not known. */
static void add_known(hedgec_json_t *json, struct json_object *to, const char *name, double value)
{
        hedgec_json_add_double(json, to, name, value < 0 ? NAN : value, 9);
}

struct json_object *hedgec_training_json(hedgec_json_t *json, const hedge_job_status_t *status)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_uint(json, object, "job", status->job);
        hedgec_json_add_string(json, object, "name", status->name);
        hedgec_json_add_string(json, object, "method", status->method);
        hedgec_json_add_string(json, object, "state", status->state);
        hedgec_json_add_string(json, object, "text", status->text);
        hedgec_json_add_uint(json, object, "epoch", status->epoch);
        hedgec_json_add_uint(json, object, "epochs", status->epochs);
        hedgec_json_add_uint(json, object, "step", status->step);
        hedgec_json_add_uint(json, object, "steps", status->steps);
        hedgec_json_add_uint(json, object, "parameters", status->parameters);
        hedgec_json_add_double(json, object, "loss", status->loss, 9);
        add_known(json, object, "test_accuracy", status->test_accuracy);
        hedgec_json_add_double(json, object, "samples_per_s", status->samples_per_s, 6);
        hedgec_json_add_double(json, object, "bytes_up_per_step", status->bytes_up_per_step, 9);
        hedgec_json_add_uint(json, object, "boards", status->boards);
        add_known(json, object, "left_s", status->left_s);
        hedgec_json_add_double(json, object, "age_s", status->age_s, 9);
        return object;
}

int hedgec_training_end_json(const hedge_job_status_t *status, FILE *out)
{
        hedgec_json_t json = { 0 };

        json.root = hedgec_json_object(&json);
        hedgec_json_add_uint(&json, json.root, "job", status->job);
        hedgec_json_add_string(&json, json.root, "state", status->state);
        hedgec_json_add_string(&json, json.root, "text", status->text);
        hedgec_json_add_uint(&json, json.root, "epochs", status->epoch);
        hedgec_json_add_uint(&json, json.root, "parameters", status->parameters);
        return hedgec_json_print(&json, 0, out);
}

/* ---- both lists together ---- */

/* Did this happen before that epoch was over? */
static bool before(const hedge_job_status_t *status, const hedge_job_event_t *event, const hedge_epoch_report_t *epoch)
{
        double steps = status->epochs ? (double)status->steps / status->epochs : 0;

        return (double)event->step < epoch->epoch * steps;
}

static int show_epoch(const hedge_job_status_t *status, uint32_t i, bool json, hedgec_training_shown_t *shown,
                      FILE *out)
{
        hedgec_json_t line = { 0 };

        if (json) {
                line.root = hedgec_training_epoch_json(&line, status->job, &status->epochs_done[i]);
                return hedgec_json_print(&line, 0, out);
        }
        if (!shown->heading)
                print_heading(out);
        shown->heading = true;
        print_epoch(&status->epochs_done[i], out);
        return 0;
}

static int show_event(const hedge_job_status_t *status, uint32_t i, bool json, FILE *out)
{
        hedgec_json_t line = { 0 };

        if (!json) {
                print_event(&status->events[i], out);
                return 0;
        }
        line.root = hedgec_training_event_json(&line, status->job, &status->events[i]);
        return hedgec_json_print(&line, 0, out);
}

int hedgec_training_show(const hedge_job_status_t *status, bool json, hedgec_training_shown_t *shown, FILE *out)
{
        uint32_t epoch = 0, event = 0;
        int r = 0;

        while (!r && (epoch < status->n_epochs_done || event < status->n_events)) {
                bool one = event < status->n_events &&
                           (epoch == status->n_epochs_done ||
                            before(status, &status->events[event], &status->epochs_done[epoch]));

                r = one ? show_event(status, event++, json, out) : show_epoch(status, epoch++, json, shown, out);
        }
        if (status->n_epochs_done)
                shown->epochs = status->first_epoch + status->n_epochs_done;
        if (status->n_events)
                shown->events = status->first_event + status->n_events;
        return r;
}

/* ---- jobs ---- */

int hedgec_training_list(const hedge_job_status_t *jobs, uint32_t n_jobs, FILE *out)
{
        static const hedgec_column_t columns[] = {
                { "JOB", HEDGEC_RIGHT, 0 },    { "NAME", HEDGEC_LEFT, 12 },  { "METHOD", HEDGEC_LEFT, 0 },
                { "STATE", HEDGEC_LEFT, 0 },   { "EPOCH", HEDGEC_RIGHT, 0 }, { "TEST", HEDGEC_RIGHT, 0 },
                { "PARAMS", HEDGEC_RIGHT, 0 }, { "AGE", HEDGEC_LEFT, 0 },    { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        char test[32];
        int r;

        if (!table)
                return -ENOMEM;
        for (uint32_t i = 0; i < n_jobs; i++) {
                const hedge_job_status_t *job = &jobs[i];

                hedgec_table_cell(table, "%" PRIu64, job->job);
                hedgec_table_cell(table, "%s", job->name);
                hedgec_table_cell(table, "%s", job->method);
                hedgec_table_cell(table, "%s", job->state);
                hedgec_table_cell(table, "%" PRIu32 "/%" PRIu32, job->epoch, job->epochs);
                hedgec_table_cell(table, "%s", percent(job->test_accuracy, test));
                hedgec_table_cell(table, "%s", job->parameters ? hedgec_text_count(job->parameters) : "-");
                hedgec_table_cell(table, "%s", duration(job->age_s));
        }
        r = hedgec_table_print(table, 0, out);
        hedgec_table_destroy(&table);
        return r;
}

static void print_line(const char *name, const char *value, FILE *out)
{
        fprintf(out, "%-10s  ", name);
        print_wrapped(value, 12, out);
}

void hedgec_training_print(const hedge_job_status_t *status, FILE *out)
{
        char text[HEDGE_TEXT_MAX + 64], number_text[32];
        bool ended = hedgec_training_ended(status);

        snprintf(text, sizeof(text), "%" PRIu64, status->job);
        print_line("job", text, out);
        print_line("name", status->name, out);
        print_line("method", status->method, out);
        print_line("state", ended ? hedgec_training_end_text(status, text, sizeof(text)) : status->state, out);
        if (status->parameters) {
                snprintf(text, sizeof(text), "%s parameters", hedgec_text_count(status->parameters));
                print_line("network", text, out);
        }
        snprintf(text, sizeof(text), "%" PRIu32 " of %" PRIu32 " epochs, %" PRIu64 " of %" PRIu64 " steps, loss %s",
                 status->epoch, status->epochs, status->step, status->steps, number(status->loss, 4, 100, number_text));
        print_line("done", text, out);
        if (!ended) {
                snprintf(text, sizeof(text), "%" PRIu32 " boards, %s images/s, %s up per step%s%s%s", status->boards,
                         count(status->samples_per_s), bytes(status->bytes_up_per_step), status->left_s < 0 ? "" : ", ",
                         status->left_s < 0 ? "" : duration(status->left_s), status->left_s < 0 ? "" : " left");
                print_line("now", text, out);
        }
        print_line("age", duration(status->age_s), out);
}

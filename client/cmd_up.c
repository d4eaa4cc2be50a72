/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/endpoint.h"
#include "client/notify.h"
#include "client/requests.h"
#include "client/settings.h"
#include "client/site.h"
#include "common/clock.h"

#define START_MS     60000 /* a program says READY within this, under valgrind too */
#define GRACE_MS     5000
#define ASK_AGAIN_MS 20
#define LOG_LINES    12

typedef struct up_values {
        const char *dir;
        uint64_t boards, threads;
        bool detach, quiet;
        hedgec_option_list_t set, set_board;
} up_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(STRING, "dir", 'd', up_values_t, dir, "DIR", "the cluster's folder (HEDGE_DIR); made if missing"),
        HEDGEC_ROW_UINT("boards", 'b', up_values_t, boards, "N", "how many boards (8)", 1, HEDGEC_SITE_BOARDS_MAX),
        HEDGEC_ROW(FLAG, "detach", 0, up_values_t, detach, NULL, "leave it running and return"),
        HEDGEC_ROW_UINT("threads", 't', up_values_t, threads, "T", "compute threads of a board (1)", 1, 1024),
        HEDGEC_ROW(LIST, "set", 0, up_values_t, set, "KEY=VALUE", "a setting of hedged.yaml; may be repeated"),
        HEDGEC_ROW(LIST, "set-board", 0, up_values_t, set_board, "KEY=VALUE", "the same for every board"),
        HEDGEC_ROW(FLAG, "quiet", 'q', up_values_t, quiet, NULL, "say nothing where all goes well"),
        HEDGEC_ROW_END,
};

static const up_values_t presets = { .boards = 8, .threads = 1 };

typedef struct up {
        const up_values_t *values;
        hedgec_site_t site;
        hedgec_notify_t notify;
        hedgec_process_t *processes; /* hedged, then the boards */
        unsigned count;              /* of processes started */
} up_t;

/* The last lines of a log, indented, on stderr. */
static void show_log(const up_t *up, const char *name)
{
        char path[HEDGEC_SITE_PATH_MAX], *lines[LOG_LINES] = { NULL }, *line = NULL;
        FILE *log = fopen(hedgec_site_path(&up->site, path, "log/%s.log", name), "re");
        size_t size = 0;
        unsigned n = 0;

        while (log && getline(&line, &size, log) > 0) {
                line[strcspn(line, "\n")] = '\0';
                free(lines[n % LOG_LINES]);
                lines[n++ % LOG_LINES] = line;
                line = NULL;
                size = 0;
        }
        free(line);
        if (log)
                fclose(log);
        if (n)
                fprintf(stderr, "The end of %s:\n", path);
        for (unsigned i = n > LOG_LINES ? n - LOG_LINES : 0; i < n; i++) {
                fputs("  ", stderr);
                hedgec_print_safe(lines[i % LOG_LINES], stderr);
                fputc('\n', stderr);
        }
        for (unsigned i = 0; i < LOG_LINES; i++)
                free(lines[i]);
}

/* Refuse to start over processes that run. */
static int check_free(const up_t *up, hedge_why_t *why)
{
        hedgec_process_t *found = calloc(HEDGEC_SITE_BOARDS_MAX + 1, sizeof(*found));
        int n = found ? hedgec_site_processes(&up->site, found, NULL, why) : hedge_why(why, -ENOMEM, "out of memory");

        if (n > 0)
                hedge_why(why, -EBUSY,
                          "a cluster already runs in %s (%s is process %d): end it with 'hedge down --dir %s'",
                          up->site.dir, found[0].name, (int)found[0].pid, up->site.dir);
        for (int i = 0; i < n; i++)
                hedgec_process_release(&found[i]);
        free(found);
        return n > 0 ? -EBUSY : n;
}

/* Start a program with its configuration; its process is the next of up->processes. */
static int start(up_t *up, const char *name, const char *program, hedge_why_t *why)
{
        hedgec_process_t *process = &up->processes[up->count];
        char conf[HEDGEC_SITE_PATH_MAX], path[HEDGEC_SITE_PATH_MAX], argument[] = "--config";
        char executable[PATH_MAX];
        char *argv[] = { executable, argument, hedgec_site_path(&up->site, conf, "conf/%s.yaml", name), NULL };
        int r;

        snprintf(executable, sizeof(executable), "%s", program);
        snprintf(process->name, sizeof(process->name), "%s", name);
        hedgec_site_path(&up->site, path, "log/%s.log", name);
        unlink(path); /* each start has a log of its own: what it shows at the end is about this one */
        setenv("OMP_WAIT_POLICY", "passive", 0); /* many boards on few cores: idle compute threads must not spin */
        r = hedgec_process_start(process, argv, path, up->notify.name, why);
        if (r < 0)
                return r;
        up->count++;
        r = hedgec_process_write_pid(process, hedgec_site_path(&up->site, path, "run/%s.pid", name));
        return r < 0 ? hedge_why(why, r, "cannot write %s: %s", path, hedge_strerror(r)) : 0;
}

static int died(const up_t *up, unsigned which, int status, hedge_why_t *why)
{
        char how[64];

        show_log(up, up->processes[which].name);
        return hedge_why(why, -ECHILD, "%s %s", up->processes[which].name,
                         hedgec_process_end_text(status, how, sizeof(how)));
}

/* One wait for readiness, deaths and Ctrl-C. @return 0, -ECHILD, -EINTR, -errno. */
static int watch(up_t *up, int wait_ms, hedge_why_t *why)
{
        unsigned ended;
        int status = 0;
        int r = hedgec_notify_wait(&up->notify, up->processes, up->count, wait_ms, &ended, &status);

        if (r == 2)
                return died(up, ended, status, why);
        if (r == 1)
                return hedge_why(why, -EINTR, "interrupted");
        return r < 0 ? hedge_why(why, r, "cannot wait: %s", hedge_strerror(r)) : 0;
}

static int wait_ready(up_t *up, hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + START_MS, left;
        unsigned waiting;
        int r = 0;

        for (;;) {
                waiting = up->count;
                for (unsigned i = up->count; i-- > 0;)
                        if (!up->processes[i].ready)
                                waiting = i;
                left = deadline - hedge_now_ms();
                if (waiting == up->count || r < 0)
                        return r;
                if (left <= 0)
                        break;
                r = watch(up, (int)left, why);
        }
        show_log(up, up->processes[waiting].name);
        return hedge_why(why, -ETIMEDOUT, "%s is not ready after %d s", up->processes[waiting].name, START_MS / 1000);
}

static int start_coordinator(up_t *up, hedge_why_t *why)
{
        char secret[HEDGEC_SITE_PATH_MAX], boards[HEDGEC_SITE_PATH_MAX], clients[HEDGEC_SITE_PATH_MAX];
        char models[HEDGEC_SITE_PATH_MAX], endpoint[HEDGEC_SITE_PATH_MAX], conf[HEDGEC_SITE_PATH_MAX];
        char measurements[HEDGEC_SITE_PATH_MAX], jobs[HEDGEC_SITE_PATH_MAX], socket[HEDGEC_SITE_PATH_MAX],
                program[PATH_MAX];
        const hedgec_site_t *site = &up->site;
        int r = hedgec_find_program("hedged", "daemon", program, sizeof(program), why);

        snprintf(socket, sizeof(socket), "ipc://%s/run/hedged.sock", site->dir);
        hedgec_setting_t settings[] = {
                hedgec_setting_text("listen.boards", "tcp://127.0.0.1:*"),
                hedgec_setting_text("listen.clients", socket),
                hedgec_setting_text("listen.endpoint_file", hedgec_site_path(site, endpoint, "run/boards.endpoint")),
                hedgec_setting_text("security", "curve"),
                hedgec_setting_text("keys.secret", hedgec_site_path(site, secret, "keys/coordinator.secret")),
                hedgec_setting_text("keys.boards", hedgec_site_path(site, boards, "keys/boards")),
                hedgec_setting_text("keys.clients", hedgec_site_path(site, clients, "keys/clients")),
                hedgec_setting_text("models.repository", hedgec_site_path(site, models, "models")),
                hedgec_setting_text("jobs.folder", hedgec_site_path(site, jobs, "jobs")),
                hedgec_setting_uint("cluster.slots", up->values->boards),
                hedgec_setting_text("cluster.measurements", hedgec_site_path(site, measurements, "boards.yaml")),
                /* a cluster to try things on: small networks are to be coded as well */
                hedgec_setting_uint("plan.min_macs", 100000),
                /* and whatever is measured: boards of one machine are no faster than the machine */
                hedgec_setting_text("plan.cut", "simple"),
        };

        hedgec_site_path(site, conf, "conf/hedged.yaml");
        if (!r)
                r = hedgec_settings_write(conf, settings, sizeof(settings) / sizeof(settings[0]), &up->values->set,
                                          why);
        if (!r)
                r = start(up, "hedged", program, why);
        return r ? r : wait_ready(up, why);
}

/* The endpoint that hedged has bound. */
static int read_endpoint(const up_t *up, char *text, int size, hedge_why_t *why)
{
        char path[HEDGEC_SITE_PATH_MAX];
        FILE *file = fopen(hedgec_site_path(&up->site, path, "run/boards.endpoint"), "re");

        if (!file)
                return hedge_why(why, -errno, "cannot read %s: %s", path, hedge_strerror(-errno));
        if (!fgets(text, size, file))
                text[0] = '\0';
        fclose(file);
        text[strcspn(text, "\n")] = '\0';
        return text[0] ? 0 : hedge_why(why, HEDGE_EMALFORMED, "%s is empty", path);
}

static int start_boards(up_t *up, hedge_why_t *why)
{
        char secret[HEDGEC_SITE_PATH_MAX], server[HEDGEC_SITE_PATH_MAX], conf[HEDGEC_SITE_PATH_MAX];
        char endpoint[HEDGEC_SITE_PATH_MAX], program[PATH_MAX], name[32];
        const hedgec_site_t *site = &up->site;
        int r = hedgec_find_program("hedge-worker", "worker", program, sizeof(program), why);

        if (!r)
                r = read_endpoint(up, endpoint, sizeof(endpoint), why);
        for (unsigned i = 1; !r && i <= up->values->boards; i++) {
                snprintf(name, sizeof(name), "board-%u", i);
                hedgec_setting_t settings[] = {
                        hedgec_setting_text("board.name", name),
                        hedgec_setting_text("coordinator.endpoint", endpoint),
                        hedgec_setting_text("security", "curve"),
                        hedgec_setting_text("keys.secret", hedgec_site_path(site, secret, "keys/%s.secret", name)),
                        hedgec_setting_text("keys.coordinator", hedgec_site_path(site, server, "keys/coordinator.pub")),
                        hedgec_setting_uint("compute.threads", up->values->threads),
                };

                hedgec_site_path(site, conf, "conf/%s.yaml", name);
                r = hedgec_settings_write(conf, settings, sizeof(settings) / sizeof(settings[0]),
                                          &up->values->set_board, why);
                if (!r)
                        r = start(up, name, program, why);
        }
        return r ? r : wait_ready(up, why);
}

/* Ask the coordinator until it counts every board. */
static int wait_boards(up_t *up, hedge_why_t *why)
{
        hedgec_target_t target = { .dir = up->site.dir };
        int64_t deadline = hedge_now_ms() + START_MS;
        hedgec_connection_t *connection = NULL;
        hedgec_endpoint_t endpoint;
        hedge_envelope_t answer;
        unsigned alive = 0;
        int r = hedgec_endpoint_resolve(&target, &endpoint, why);

        if (!r)
                r = hedgec_connection_open(&endpoint, &connection, why);
        while (!r) {
                r = hedgec_request_status(connection, &answer, why);
                if (r < 0)
                        break;
                alive = hedgec_status_count(&answer.message.status_ok, "alive");
                hedge_envelope_release(&answer);
                if (alive >= up->values->boards)
                        break;
                if (hedge_now_ms() > deadline)
                        r = hedge_why(why, -ETIMEDOUT, "only %u of %u boards have joined after %d s", alive,
                                      (unsigned)up->values->boards, START_MS / 1000);
                else
                        r = watch(up, ASK_AGAIN_MS, why);
        }
        hedgec_connection_close(&connection);
        return r;
}

static int bring_up(up_t *up, hedge_why_t *why)
{
        int r = check_free(up, why);

        if (r < 0)
                return r;
        hedgec_site_clean(&up->site);
        r = hedgec_site_make_keys(&up->site, (unsigned)up->values->boards, why);
        if (!r)
                r = start_coordinator(up, why);
        if (!r)
                r = start_boards(up, why);
        return r ? r : wait_boards(up, why);
}

static void take_down(up_t *up)
{
        unsigned killed = hedgec_process_stop_all(up->processes, up->count, GRACE_MS);

        if (killed)
                hedgec_complain("%u %s did not stop within %d s and had to be killed", killed,
                                killed == 1 ? "process" : "processes", GRACE_MS / 1000);
        if (up->count)
                hedgec_site_clean(&up->site);
        up->count = 0;
}

/* A word for the shell. */
static void print_quoted(const char *text)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-";
        bool quote = text[strspn(text, plain)] != '\0';

        if (quote)
                putchar('\'');
        for (; *text; text++)
                fputs(*text == '\'' ? "'\\''" : (char[]){ *text, '\0' }, stdout);
        if (quote)
                putchar('\'');
}

static void say_how(const up_t *up)
{
        unsigned n = (unsigned)up->values->boards;

        printf("A coordinator and %u board%s are up in %s.\n", n, n == 1 ? "" : "s", up->site.dir);
        fputs("  export HEDGE_DIR=", stdout);
        print_quoted(up->site.dir);
        fputs("\n"
              "  hedge load MODEL.onnx\n"
              "  hedge infer MODEL PICTURE.jpg\n"
              "Logs are in log/, process ids in run/*.pid; ",
              stdout);
        puts(up->values->detach ? "'hedge down' ends it." : "Ctrl-C ends it.");
        hedgec_flush();
}

/* Until Ctrl-C, or until the coordinator has ended; boards may come and go. */
static int stay(up_t *up)
{
        char how[64];

        for (;;) {
                unsigned ended = 0;
                int status = 0;
                int r = hedgec_notify_wait(&up->notify, up->processes, up->count, -1, &ended, &status);

                if (r == 1)
                        return EXIT_SUCCESS;
                if (r < 0)
                        return hedgec_complain("cannot wait: %s", hedge_strerror(r));
                if (r == 2) {
                        hedgec_complain("%s %s", up->processes[ended].name,
                                        hedgec_process_end_text(status, how, sizeof(how)));
                        if (ended == 0)
                                return status ? EXIT_FAILURE : EXIT_SUCCESS;
                }
        }
}

static int run_up(up_t *up)
{
        hedge_why_t why = { "" };
        int r = bring_up(up, &why), status = EXIT_SUCCESS;

        if (r < 0) {
                take_down(up);
                return hedgec_complain("%s", why.text[0] ? why.text : hedge_strerror(r));
        }
        if (!up->values->quiet)
                say_how(up);
        if (!up->values->detach) {
                status = stay(up);
                take_down(up);
        }
        return status;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        up_t up = { .values = values, .site = { .lock = -1 }, .notify = { .fd = -1, .stop_fd = -1 } };
        hedgec_target_t target = { .dir = up.values->dir };
        const char *dir = hedgec_target_dir(&target);
        hedge_why_t why = { "" };
        int r, status;

        if (!dir)
                return hedgec_complain_usage("up", "up: --dir DIR (or HEDGE_DIR) must say where");
        up.processes = calloc(up.values->boards + 1, sizeof(*up.processes));
        r = up.processes ? 0 : hedge_why(&why, -ENOMEM, "out of memory");
        for (unsigned i = 0; !r && i <= up.values->boards; i++)
                up.processes[i].pidfd = -1;
        if (!r)
                r = hedgec_site_create(dir, &up.site, &why);
        if (!r)
                r = hedgec_notify_open(&up.notify, &why);
        status = r < 0 ? hedgec_complain("%s", why.text) : run_up(&up);
        for (unsigned i = 0; i < up.count; i++)
                hedgec_process_release(&up.processes[i]);
        hedgec_notify_close(&up.notify);
        hedgec_site_close(&up.site);
        free(up.processes);
        return status;
}

const hedgec_command_t hedgec_command_up = {
        .name = "up",
        .operands = "",
        .summary = "start a whole cluster on this machine",
        .details = "Start a coordinator and N boards on this machine, with keys, configuration,\n"
                   "models and logs in DIR, and wait until all boards have joined. It stays in the\n"
                   "foreground and ends the cluster on Ctrl-C, unless --detach is given.",
        .example = "hedge up --boards 8 --dir /tmp/hedge --detach",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(up_values_t),
        .run = run,
};

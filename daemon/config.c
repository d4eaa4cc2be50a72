/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <string.h>

#include "common/code/conv/code.h"
#include "common/log.h"
#include "common/wire/address.h"

static const char *const securities[] = { "curve", "network", "insecure-loopback", NULL };
static const char *const schemes[] = { "local", "uncoded", "replication", "nsctc", "mds",
                                       "lt",    "krp",     "steal",       "auto",  NULL };
static const char *const cuts[] = { "measured", "simple", NULL };
static const char *const works[] = { "auto", "layers", "segments", "whole", NULL };
static const char *const wires[] = { "auto", "f32", "q16", NULL };
static const char *const forms[] = { "auto", "no", "yes", NULL };
static const char *const backends[] = { "auto", "onednn", "xnnpack", "plain", NULL };
static const char *const levels[] = { "error", "warning", "notice", "info", "debug", NULL };

const char *const hedged_objectives[] = { "latency", "p99", "cost", "auto", NULL };

#define AT(field)   offsetof(hedged_config_t, field)
#define RULE(field) offsetof(hedged_plan_rule_t, field)
#define GIB         1073741824.0

static const hedge_conf_row_t rule_rows[] = {
        { "model", HEDGE_CONF_STRING, RULE(model), 1, 64, "\"*\"", NULL, "Models it is about: a shell pattern.", NULL,
          NULL, 0 },
        { "layer", HEDGE_CONF_STRING, RULE(layer), 1, 255, "\"*\"", NULL,
          "Layers (ONNX node names) it is about: a shell pattern.", NULL, NULL, 0 },
        { "scheme", HEDGE_CONF_CHOICE, RULE(scheme), 0, 0, "auto", NULL,
          "How they run; as plan.scheme, but without regard to plan.min_macs.", schemes, NULL, 0 },
        { "k_a", HEDGE_CONF_UINT, RULE(k_a), 0, 64, "0", NULL,
          "Input strips; 0 chooses. With both sides given the layer is cut so, whatever is predicted.", NULL, NULL, 0 },
        { "k_b", HEDGE_CONF_UINT, RULE(k_b), 0, 64, "0", NULL, "Filter blocks; 0 chooses.", NULL, NULL, 0 },
        { "ell_a", HEDGE_CONF_UINT, RULE(ell_a), 0, 64, "0", NULL, "lt, krp: coded inputs of a board; 0 chooses.", NULL,
          NULL, 0 },
        { "ell_b", HEDGE_CONF_UINT, RULE(ell_b), 0, 64, "0", NULL, "krp: coded filter blocks of a board; 0 chooses.",
          NULL, NULL, 0 },
        { "systematic", HEDGE_CONF_CHOICE, RULE(systematic), 0, 0, "auto", NULL,
          "krp: plain parts first, coded ones after them.", forms, NULL, 0 },
        { "wire", HEDGE_CONF_CHOICE, RULE(wire), 0, 0, "auto", NULL, "Numbers on the wire; auto: as plan.wire says.",
          wires, NULL, 0 },
        { "even", HEDGE_CONF_BOOL, RULE(even), 0, 0, "false", NULL,
          "Every board gets as many parts, whatever its speed, as in the papers; to compare with.", NULL, NULL, 0 },
        { "whole_boards", HEDGE_CONF_BOOL, RULE(whole_boards), 0, 0, "false", NULL,
          "Parts count only when their board has sent all of its, as in the papers; to compare with.", NULL, NULL, 0 },
        { 0 },
};

const hedge_conf_row_t hedged_conf_rows[] = {
        { "listen.boards", HEDGE_CONF_STRING, AT(listen.boards), 1, 255, "tcp://*:7501", NULL,
          "Where boards connect: tcp://ADDRESS:PORT, where ADDRESS may be an interface's name, * for all, or an IPv6 "
          "address in "
          "brackets, as tcp://[fd00::1]:7501 (a link's own with its interface: [fe80::1%eth0]). With port * the system "
          "chooses one (see listen.endpoint_file).",
          NULL, NULL, 0 },
        { "listen.clients", HEDGE_CONF_STRING, AT(listen.clients), 1, 255, "ipc:///run/hedge/hedged.sock", NULL,
          "Where the hedge command connects on this machine. Who may is decided by the socket file's owner and group.",
          NULL, NULL, 0 },
        { "listen.clients_tcp", HEDGE_CONF_STRING, AT(listen.clients_tcp), 0, 255, "\"\"", NULL,
          "Where clients on other machines connect, for example tcp://*:7502; empty: nowhere.", NULL, NULL, 0 },
        { "listen.endpoint_file", HEDGE_CONF_STRING, AT(listen.endpoint_file), 0, 4095, "\"\"", NULL,
          "A file to write the boards' endpoint into once it is bound; empty: none.", NULL, NULL, 0 },
        { "security", HEDGE_CONF_CHOICE, AT(security), 0, 0, "curve", NULL,
          "curve: every TCP connection is encrypted and only keys of the folders below get in. network: neither, for a "
          "cluster inside a WireGuard network or on a switch of its own, whose interface listen.boards names; it "
          "spares the processor time of encryption, and whoever reaches that interface sees all and may be a board. "
          "insecure-loopback: neither, and only 127.0.0.1, [::1] and ipc endpoints are accepted.",
          securities, NULL, 0 },
        { "keys.secret", HEDGE_CONF_STRING, AT(keys.secret), 0, 4095, "/etc/hedge/keys/coordinator.secret", NULL,
          "The coordinator's key pair, made by hedge keygen.", NULL, NULL, 0 },
        { "keys.boards", HEDGE_CONF_STRING, AT(keys.boards), 0, 4095, "/etc/hedge/keys/boards", NULL,
          "Folder with the public keys of the boards: NAME.pub lets in the board NAME. Changes count at once.", NULL,
          NULL, 0 },
        { "keys.clients", HEDGE_CONF_STRING, AT(keys.clients), 0, 4095, "/etc/hedge/keys/clients", NULL,
          "The same for clients that come by TCP.", NULL, NULL, 0 },
        { "models.repository", HEDGE_CONF_STRING, AT(models.repository), 1, 4000, "/var/lib/hedge/models", NULL,
          "Folder of the models: NAME/model.onnx and, optionally, NAME/model.yaml. All are loaded at the start; hedge "
          "load "
          "adds to it.",
          NULL, NULL, 0 },
        { "models.file_bytes", HEDGE_CONF_BYTES, AT(models.file_bytes), 1024, 4 * GIB, "1G", "bytes",
          "Largest model file accepted.", NULL, NULL, 0 },
        { "models.max_loaded", HEDGE_CONF_UINT, AT(models.max_loaded), 1, 1024, "64", NULL, "Models loaded at a time.",
          NULL, NULL, 0 },
        { "jobs.folder", HEDGE_CONF_STRING, AT(jobs.folder), 1, 2000, "/var/lib/hedge/jobs", NULL,
          "Folder of the training jobs: their data until they have ended, their checkpoints, logs and models.", NULL,
          NULL, 0 },
        { "jobs.keep", HEDGE_CONF_UINT, AT(jobs.keep), 1, 900, "50", NULL,
          "Jobs that have ended whose logs and models are kept; of more the oldest are removed.", NULL, NULL, 0 },
        { "jobs.queue", HEDGE_CONF_UINT, AT(jobs.queue), 1, 100, "16", NULL,
          "Jobs that may wait while one runs; more are refused.", NULL, NULL, 0 },
        { "cluster.slots", HEDGE_CONF_UINT, AT(cluster.slots), 1, HEDGE_CODE_MAX_BOARDS, "8", NULL,
          "How many boards the codes are made for. Boards that come later than these wait as spares. Changing it makes "
          "every "
          "share anew.",
          NULL, NULL, 0 },
        { "cluster.heartbeat_ms", HEDGE_CONF_UINT, AT(cluster.heartbeat_ms), 50, 60000, "500", "ms",
          "Boards are asked for a sign of life this often; every fourth time while the cluster has nothing to do.",
          NULL, NULL, 0 },
        { "cluster.strikes", HEDGE_CONF_UINT, AT(cluster.strikes), 1, 100, "3", NULL,
          "A board that misses so many heartbeats in a row is suspect: it gets no work, and what it had counts as "
          "lost.",
          NULL, NULL, 0 },
        { "cluster.gone_ms", HEDGE_CONF_UINT, AT(cluster.gone_ms), 1000, 86400000, "60000", "ms",
          "A board silent for so long is gone: a spare may take its place.", NULL, NULL, 0 },
        { "cluster.measurements", HEDGE_CONF_STRING, AT(cluster.measurements), 0, 4000, "/var/lib/hedge/boards.yaml",
          NULL, "File that keeps what was learnt about the boards' speed; empty: none. Delete it to learn anew.", NULL,
          NULL, 0 },
        { "prior.board_macs_per_s", HEDGE_CONF_UINT, AT(prior.board_macs_per_s), 1e4, 1e14, "2500000000",
          "multiply-accumulates per second",
          "How fast a board is taken to be until it has been measured; counts like 5 tasks.", NULL, NULL, 0 },
        { "prior.spread", HEDGE_CONF_FLOAT, AT(prior.spread), 0, 100, "0.2", NULL,
          "How unsteady, likewise: its tasks take 1 + this much longer than the best on average.", NULL, NULL, 0 },
        { "prior.link_mbit", HEDGE_CONF_FLOAT, AT(prior.link_mbit), 0.1, 1e5, "100", "Mbit/s",
          "How fast a board's link, likewise.", NULL, NULL, 0 },
        { "prior.here_macs_per_s", HEDGE_CONF_UINT, AT(prior.here_macs_per_s), 0, 1e14, "0",
          "multiply-accumulates per second", "The same for the coordinator; 0: measured at the start.", NULL, NULL, 0 },
        { "prior.here_link_mbit", HEDGE_CONF_FLOAT, AT(prior.here_link_mbit), 0.1, 1e5, "1000", "Mbit/s",
          "The coordinator's own link, which carries what all boards send and get.", NULL, NULL, 0 },
        { "plan.scheme", HEDGE_CONF_CHOICE, AT(plan.scheme), 0, 0, "auto", NULL,
          "How heavy convolutions run: auto (whatever is predicted to be best), krp (random codes; any parts of any "
          "boards are enough), nsctc (coded; any delta boards are), mds (input strips alone; any k_a boards are), lt "
          "(sums of a few input strips, twice as many as there are strips), replication (every part on two boards), "
          "steal (every part once, and what late boards owe others redo), uncoded (every board is needed) or local.",
          schemes, NULL, 0 },
        { "plan.cut", HEDGE_CONF_CHOICE, AT(plan.cut), 0, 0, "measured", NULL,
          "How layers are cut. measured: into what is predicted to be best for the boards and links as they are "
          "measured; a layer for which nothing is predicted to be 5 % faster than the coordinator alone stays local. "
          "simple: by plan.spare and plan.macs_per_entry alone, always the same (scheme auto is nsctc then).",
          cuts, NULL, 0 },
        { "plan.objective", HEDGE_CONF_CHOICE, AT(plan.objective), 0, 0, "auto", NULL,
          "What is made small: the mean latency, its 99th percentile, or the cost by plan.price_comm, "
          "plan.price_comp and plan.price_store. auto: the mean latency of a request that is alone; of several in "
          "flight each gets its part of the boards, with as many as boards one each, so that most are answered per "
          "second.",
          hedged_objectives, NULL, 0 },
        { "plan.work", HEDGE_CONF_CHOICE, AT(plan.work), 0, 0, "auto", NULL,
          "What boards are given: layers (parts of one convolution), segments (strips of a run of layers, wherever "
          "rows can be told apart), whole (a whole network in one piece), or auto: of all that, and of what the "
          "coordinator computes itself, whatever is predicted to be best. Layers that plan.scheme or plan.rules say "
          "something about run coded whatever stands here.",
          works, NULL, 0 },
        { "plan.copies", HEDGE_CONF_UINT, AT(plan.copies), 1, 4, "1", NULL,
          "Segments: to so many boards may the same strip be given from the start, where that is predicted to be "
          "faster.",
          NULL, NULL, 0 },
        { "plan.hedge", HEDGE_CONF_BOOL, AT(plan.hedge), 0, 0, "true", NULL,
          "Segments: what a board is late with is given to another one too, and the first answer counts. false: to "
          "compare with.",
          NULL, NULL, 0 },
        { "plan.here", HEDGE_CONF_BOOL, AT(plan.here), 0, 0, "true", NULL,
          "The coordinator computes strips and whole networks too, as a board does, while it waits for the boards.",
          NULL, NULL, 0 },
        { "plan.price_busy", HEDGE_CONF_FLOAT, AT(plan.price_busy), 0, 1000, "0.8", NULL,
          "Objectives latency and p99: how many seconds more may a layer take so that the coordinator, or every board, "
          "is busy for a second less? 0: however busy, the sooner the better.",
          NULL, NULL, 0 },
        { "plan.price_comm", HEDGE_CONF_FLOAT, AT(plan.price_comm), 0, 1e9, "800", NULL,
          "Objective cost: price of sending one tensor entry.", NULL, NULL, 0 },
        { "plan.price_comp", HEDGE_CONF_FLOAT, AT(plan.price_comp), 0, 1e9, "1", NULL,
          "Objective cost: price of one multiply-accumulate.", NULL, NULL, 0 },
        { "plan.price_store", HEDGE_CONF_FLOAT, AT(plan.price_store), 0, 1e9, "100", NULL,
          "Objective cost: price of keeping one filter entry.", NULL, NULL, 0 },
        { "plan.wire", HEDGE_CONF_CHOICE, AT(plan.wire), 0, 0, "auto", NULL,
          "Numbers on the wire: f32, q16 (16-bit integers with a scale per 64 of them: half the bytes), or auto: q16 "
          "where it is faster and plan.accuracy allows it. With plan.cut simple auto is f32.",
          wires, NULL, 0 },
        { "plan.share_bytes", HEDGE_CONF_BYTES, AT(plan.share_bytes), 0, 1024 * GIB, "0", "bytes",
          "Most memory that one model's filter shares and blocks may take on a board; 0: as much as the board itself "
          "allows.",
          NULL, NULL, 0 },
        { "plan.k_a", HEDGE_CONF_UINT, AT(plan.k_a), 0, 64, "0", NULL, "Input strips; 0 chooses for each layer.", NULL,
          NULL, 0 },
        { "plan.k_b", HEDGE_CONF_UINT, AT(plan.k_b), 0, 64, "0", NULL, "Filter blocks; 0 chooses for each layer.", NULL,
          NULL, 0 },
        { "plan.spare", HEDGE_CONF_UINT, AT(plan.spare), 0, 128, "2", NULL,
          "Boards that may fail without costing anything: delta is at most slots - spare. Schemes that need all their "
          "boards are taken by scheme auto only where this is 0.",
          NULL, NULL, 0 },
        { "plan.min_macs", HEDGE_CONF_UINT, AT(plan.min_macs), 0, 1e12, "5000000", "multiply-accumulates",
          "Lighter convolutions run in the coordinator.", NULL, NULL, 0 },
        { "plan.macs_per_entry", HEDGE_CONF_UINT, AT(plan.macs_per_entry), 0, 1e6, "800", "multiply-accumulates",
          "plan.cut simple: what sending one tensor entry costs, against computing; 800 suits a board of 5 GFLOP/s on "
          "100 Mbit/s.",
          NULL, NULL, 0 },
        { "plan.accuracy", HEDGE_CONF_FLOAT, AT(plan.accuracy), 1e-7, 1, "0.001", NULL,
          "Error budget of a decoded layer, relative to its largest output. Where the boards' rounding, grown by "
          "decoding, is above it, more parts are waited for.",
          NULL, NULL, 0 },
        { "plan.rules", HEDGE_CONF_LIST, AT(plan.rules), 0, 1024, "[]", NULL,
          "Exceptions, for single models and layers; the first that matches holds.", NULL, rule_rows,
          sizeof(hedged_plan_rule_t) },
        { "inference.in_flight", HEDGE_CONF_UINT, AT(inference.in_flight), 0, 64, "0", NULL,
          "Runs worked on at the same time; a request of several pictures is as many. 0: two more than there are "
          "boards "
          "that work, at least 4 and at most 64, and as many as half of the memory has room for.",
          NULL, NULL, 0 },
        { "inference.queue", HEDGE_CONF_UINT, AT(inference.queue), 1, 65536, "256", NULL,
          "Requests that may wait; more are refused as busy. A client may have as many waiting as there are places "
          "left "
          "for the others: half of them when it is alone, a third each when there are two.",
          NULL, NULL, 0 },
        { "inference.layer_timeout_ms", HEDGE_CONF_UINT, AT(inference.layer_timeout_ms), 100, 3600000, "30000", "ms",
          "A layer that the boards have not finished by then is computed by the coordinator.", NULL, NULL, 0 },
        { "compute.backend", HEDGE_CONF_CHOICE, AT(compute.backend), 0, 0, "auto", NULL,
          "Kernels for what runs in the coordinator.", backends, NULL, 0 },
        { "compute.threads", HEDGE_CONF_UINT, AT(compute.threads), 0, 1024, "0", NULL,
          "Threads for it; 0: one per core.", NULL, NULL, 0 },
        { "limits.frame_bytes", HEDGE_CONF_BYTES, AT(limits.frame_bytes), 65536, 4 * GIB, "1G", "bytes",
          "Largest single frame accepted from anyone.", NULL, NULL, 0 },
        { "limits.header_bytes", HEDGE_CONF_BYTES, AT(limits.header_bytes), 4096, 64 * 1048576.0, "4M", "bytes",
          "Largest message header accepted.", NULL, NULL, 0 },
        { "test.allow_emulation", HEDGE_CONF_BOOL, AT(test.allow_emulation), 0, 0, "false", NULL,
          "For tests: let the environment variable HEDGE_EMULATE_MACS_PER_S make this machine slower than it is.", NULL,
          NULL, 0 },
        { "log.level", HEDGE_CONF_CHOICE, AT(log_level), 0, 0, "info", NULL, "What is logged.", levels, NULL, 0 },
        { 0 },
};

static int check_endpoint(const char *key, const char *endpoint, const hedged_config_t *config, hedge_why_t *why)
{
        hedge_why_t inner;
        int r = hedge_address_check(endpoint, true, &inner);

        if (r == 0 && config->security == HEDGED_SECURITY_INSECURE_LOOPBACK && !hedge_address_is_local(endpoint))
                r = hedge_why(&inner, HEDGE_ECONFIG,
                              "'%s' leaves this machine, which security: insecure-loopback forbids", endpoint);
        if (r == 0 && config->security == HEDGED_SECURITY_NETWORK && hedge_address_is_any(endpoint))
                r = hedge_why(&inner, HEDGE_ECONFIG,
                              "security: network wants the trusted interface or address, not all of them");
        return r < 0 ? hedge_why(why, r, "%s: %s", key, inner.text) : 0;
}

static int check(const hedged_config_t *config, const char *path, hedge_why_t *why)
{
        hedge_why_t inner;
        int r = check_endpoint("listen.boards", config->listen.boards, config, &inner);

        if (r == 0 && strncmp(config->listen.clients, "ipc://", 6))
                r = hedge_why(&inner, HEDGE_ECONFIG,
                              "listen.clients: wants an ipc:// endpoint; TCP is for listen.clients_tcp");
        if (r == 0)
                r = check_endpoint("listen.clients", config->listen.clients, config, &inner);
        if (r == 0 && *config->listen.clients_tcp)
                r = check_endpoint("listen.clients_tcp", config->listen.clients_tcp, config, &inner);
        if (r == 0 && config->security == HEDGED_SECURITY_CURVE && (!*config->keys.secret || !*config->keys.boards))
                r = hedge_why(&inner, HEDGE_ECONFIG, "security: curve wants keys.secret and keys.boards");
        if (r < 0)
                return hedge_why(why, r, "%s: %s", path ? path : "(defaults)", inner.text);
        return 0;
}

int hedged_config_load(const char *path, hedged_config_t *config, hedge_why_t *why)
{
        hedged_config_t loaded = { 0 };
        int r = hedge_conf_load(hedged_conf_rows, path, &loaded, why);

        if (r < 0)
                return r;
        r = check(&loaded, path, why);
        if (r < 0) {
                hedged_config_release(&loaded);
                return r;
        }
        *config = loaded;
        return 0;
}

void hedged_config_release(hedged_config_t *config)
{
        hedge_conf_release(hedged_conf_rows, config);
}

const char *hedged_config_backend(const hedged_config_t *config)
{
        return config->compute.backend ? backends[config->compute.backend] : NULL;
}

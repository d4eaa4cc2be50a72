/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_JOB_H
#define HEDGE_JOB_H

#include "common/co3/co3.h"
#include "common/code/uep/setup.h"
#include "common/conf/conf.h"
#include "common/train/checkpoint.h"
#include "common/train/dataset.h"
#include "common/train/net.h"
#include "common/train/sgd.h"

/** A training job as a user writes it: a YAML file that says what is trained, on which data, how and for how long.
 *
 *     name: digits                # of the model that comes out of it
 *     model: lenet5               # mlp, lenet5, resnet8, or `layers`
 *     data:
 *       format: idx               # or cifar10
 *       train: [train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz]
 *       test: [t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz]
 *     method: co3                 # or local
 *     epochs: 4
 *     batch: 64                   # images of a step, on all boards together
 *     sgd: {rate: 0.03, momentum: 0.9, decay: 0.0005, schedule: cosine, warm_up: 100}
 *     co3: {format: fp8, max_bits: 4.5}
 *
 * The schema table says all keys. File names are relative to the job file; the client sends the files along, so that the
 * coordinator needs no access to them. */

/** data.format */
enum { HEDGE_JOB_IDX, HEDGE_JOB_CIFAR10 };

/** method; the names are hedge_job_methods. */
typedef enum hedge_job_method {
        HEDGE_JOB_LOCAL,      /**< in the coordinator alone */
        HEDGE_JOB_CO3,        /**< data-parallel, compressed gradients */
        HEDGE_JOB_SAZD_NAIVE, /**< model-parallel, shift-and-add code; weights are encoded here and sent every step */
        HEDGE_JOB_SAZD_DEU,   /**< the same, but boards encode and update what they hold */
        HEDGE_JOB_POLY,       /**< as SAZD_DEU with the polynomial code */
        HEDGE_JOB_UNCODED,    /**< as SAZD_DEU without parities */
        HEDGE_JOB_UEP_NOW, /**< the products of the backward pass on the boards, as much of them as comes by a deadline */
        HEDGE_JOB_UEP_EW, /**< likewise; these five are in the order of hedge_uep_scheme_t */
        HEDGE_JOB_UEP_MDS,
        HEDGE_JOB_UEP_REPLICATION,
        HEDGE_JOB_UEP_UNCODED,
        HEDGE_JOB_METHODS
} hedge_job_method_t;

extern const char *const hedge_job_methods[]; /**< NULL at the end */

#define HEDGE_JOB_MAX_BYTES  (1u << 20) /**< of the YAML text */
#define HEDGE_JOB_MAX_SHARDS 1024       /**< a board holds all of them at most (JOINED) */

/** One row of `layers`; strings empty where left out. */
typedef struct hedge_job_layer {
        char *type, *name, *from, *with;
        uint64_t units, kernel, stride, pad;
        bool bias;
} hedge_job_layer_t;

typedef struct hedge_job {
        char *name;
        char *model;              /**< a preset's name; empty: `layers` */
        hedge_conf_list_t layers; /**< of hedge_job_layer_t */
        struct {
                unsigned format;
                hedge_conf_strings_t train, test;
                uint64_t classes;  /**< idx */
                uint64_t hold_out; /**< where `test` is empty: so many of the last images are tested on */
                bool flip;
                hedge_conf_strings_t labels; /**< names of the classes; empty: numbers */
        } data;
        unsigned method; /**< hedge_job_method_t */
        uint64_t epochs, batch, seed;
        uint64_t checkpoint_s; /**< at least one checkpoint every so often, and one after every epoch */
        struct {
                double rate, momentum, decay, drop;
                unsigned schedule; /**< hedge_rate_schedule_t */
                uint64_t warm_up;  /**< steps */
                uint64_t every;    /**< epochs, of schedule step */
        } sgd;
        struct {
                unsigned format; /**< hedge_co3_format_t of gradients */
                double gamma, max_bits;
                bool compress;
                unsigned downlink; /**< hedge_co3_format_t of updates: fp32, fp16 or fp8 */
                uint64_t quorum;   /**< gradients that a step waits for; 0: those of all boards */
                uint64_t shards;   /**< parts of the data; 0: as many as there are boards at the start */
        } co3;
        struct {
                uint64_t k, r;      /**< data blocks of a layer, parities; the method uncoded has k alone */
                uint64_t step;      /**< hedge_sazd_params_t.step; 0: chosen (hedge_job_sazd_step) */
                uint64_t min_units; /**< layers of fewer inputs or outputs stay in the coordinator */
                double error_budget;
                unsigned points; /**< hedge_poly_points_t */
                bool fall_back;  /**< uncoded: the coordinator computes the block of a lost board */
        } sazd;
        struct {
                unsigned split; /**< hedge_uep_split_t */
                uint64_t blocks_a, blocks_b, levels, classes, packets;
                hedge_conf_floats_t windows; /**< one per class, or none: chosen */
                bool stacked;
                double deadline_ms; /**< of a product */
        } uep;
} hedge_job_t;

extern const hedge_conf_row_t hedge_job_rows[];

/** Read and check a job's text, also what no single key can show: neither or both of `model` and `layers`, files missing for
 * the format, a file name that is absolute nonsense (empty, a zero byte), max_bits without a format it is for, ...
 * Files are not looked at. @param name  Stands in messages.
 * @return 0, HEDGE_ECONFIG, -ENOMEM with "name:line: key: what is wrong". */
int hedge_job_parse(const char *name, const char *text, size_t size, hedge_job_t *ret, hedge_why_t *why);

void hedge_job_release(hedge_job_t *job);

/** The data files, train's first, as the job names them. @return how many, at most HEDGE_JOB_FILES (message.h). */
unsigned hedge_job_files(const hedge_job_t *job, const char *files[]);

/** Read the data. Sentences name files as the job does.
 * @param paths  One per hedge_job_files, where each really lies.
 * @return 0, or what hedge_dataset_read_* say, HEDGE_ESHAPE (test images of another shape), -EINVAL (hold_out leaves nothing). */
int hedge_job_data(const hedge_job_t *job, const char *const paths[], hedge_dataset_t **ret_train,
                   hedge_dataset_t **ret_test, hedge_why_t *why);

/** Make the job's network for these images. @return as hedge_net_new. */
int hedge_job_net(const hedge_job_t *job, const hedge_dataset_t *train, hedge_net_t **ret, hedge_why_t *why);

/** The layers as specs, whichever way the job says them; at most HEDGE_MAX_LAYERS. Strings are borrowed from the job.
 * @param ret  Allocated; free() it. @return how many, -ENOMEM, -EINVAL. */
int hedge_job_layers(const hedge_job_t *job, uint32_t classes, hedge_layer_spec_t **ret, hedge_why_t *why);

/** How an epoch is cut into steps: a board takes `batch` images of its shard, ceil(job's batch / shards), but no more than
 * the smallest shard has; an epoch has floor(images / (shards * batch)) steps, at least 1.
 * @param images  To learn from. @param shards  1 for method local.
 * @return 0, -EINVAL (more shards, or a batch of more, than there are images). */
int hedge_job_steps(const hedge_job_t *job, uint64_t images, uint64_t shards, uint32_t *ret_batch, uint64_t *ret_steps,
                    hedge_why_t *why);

/** How it steps. @param steps  Of an epoch. @return 0, -EINVAL with a sentence. */
int hedge_job_sgd(const hedge_job_t *job, uint64_t steps, hedge_sgd_t *ret, hedge_why_t *why);

/** All of it at once, as a check before anything starts: data, network, do they fit, batch not above the images, sgd,
 * co3's options. What hedge_job_data and hedge_job_net made is the caller's. @return 0 or the first thing wrong. */
int hedge_job_prepare(const hedge_job_t *job, const char *const paths[], hedge_dataset_t **ret_train,
                      hedge_dataset_t **ret_test, hedge_net_t **ret_net, hedge_why_t *why);

/** Is the method one of uep-*, and what it asks of the code; the seed is the job's. */
bool hedge_job_is_uep(const hedge_job_t *job);
void hedge_job_uep_setup(const hedge_job_t *job, hedge_uep_setup_t *ret);

/** A product of these methods, with sides that its blocks divide: as much as that is more is zeros. */
void hedge_job_uep_shape(const hedge_job_t *job, uint32_t rows, uint32_t inner, uint32_t columns,
                         hedge_uep_shape_t *ret);

/** Could the network be trained so? @return 0, HEDGE_EUNSUPPORTED (other layers than dense, relu and flatten), -EINVAL, ... with a
 * sentence. */
int hedge_job_uep_check(const hedge_job_t *job, const hedge_net_t *net, hedge_why_t *why);

/** Is the method one of those whose dense layers are cut over the boards (section sazd)? */
bool hedge_job_model_parallel(const hedge_job_t *job);

/** Is this layer's product computed on boards then? */
bool hedge_job_distributes(const hedge_job_t *job, const hedge_layer_t *layer);

/** The step of the shift-and-add code for data blocks of so many rows: the job's own, or what makes parities an eighth longer. */
uint32_t hedge_job_sazd_step(const hedge_job_t *job, uint32_t rows);

/** Can this network be trained in that way? Dense, relu and flatten layers, one of them large enough to be distributed, no
 * momentum, and parities within the error budget.
 * @return 0, -EINVAL, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT with a sentence. */
int hedge_job_sazd_check(const hedge_job_t *job, const hedge_net_t *net, hedge_why_t *why);

/** BLAKE2b-256 of the job's text and the train and test data: what a checkpoint belongs to. Keys that do not change what is
 * computed need not be left out. */
void hedge_job_digest(const char *text, size_t size, const hedge_dataset_t *train, const hedge_dataset_t *test,
                      unsigned char ret[HEDGE_JOB_DIGEST]);

/** model.yaml of what it learns (common/manifest): scale, mean and std of hedge_norm_t, layout, labels.
 * @return allocated text, or NULL: no memory. */
char *hedge_job_manifest(const hedge_job_t *job, const hedge_norm_t *norm, uint32_t channels);

#endif

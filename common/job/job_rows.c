/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/sazd/poly.h"
#include "common/job/job.h"
#include "common/train/workspace.h"
#include "common/types/job.h"

static const char *const formats[] = { "idx", "cifar10", NULL };
static const char *const schedules[] = { "constant", "step", "cosine", NULL };
static const char *const gradients[] = { "fp32", "fp16", "fp8", "fp4", "topk", NULL };
static const char *const updates[] = { "fp32", "fp16", "fp8", NULL };

static const char *const splits[] = { "row-column", "column-row", NULL };
static const char *const points[] = { "integers", "spread", "chebyshev", NULL };

const char *const hedge_job_methods[] = { "local",       "co3",     "sazd-naive", "sazd-deu", "poly",
                                          "uncoded",     "uep-now", "uep-ew",     "uep-mds",  "uep-replication",
                                          "uep-uncoded", NULL };

/* What a choice is stored as is its place in its list. */
_Static_assert(HEDGE_SCHEDULE_CONSTANT == 0 && HEDGE_SCHEDULE_STEP == 1 && HEDGE_SCHEDULE_COSINE == 2, "schedules");
_Static_assert(HEDGE_CO3_FP32 == 0 && HEDGE_CO3_FP16 == 1 && HEDGE_CO3_FP8 == 2 && HEDGE_CO3_FP4 == 3 &&
                       HEDGE_CO3_TOPK == 4,
               "gradients, updates");
_Static_assert(HEDGE_JOB_LOCAL == 0 && HEDGE_JOB_CO3 == 1 && HEDGE_JOB_SAZD_NAIVE == 2 && HEDGE_JOB_SAZD_DEU == 3 &&
                       HEDGE_JOB_POLY == 4 && HEDGE_JOB_UNCODED == 5 && HEDGE_JOB_UEP_NOW == 6 &&
                       HEDGE_JOB_METHODS == 11,
               "methods");
_Static_assert(HEDGE_UEP_NOW == 0 && HEDGE_UEP_EW == 1 && HEDGE_UEP_MDS == 2 && HEDGE_UEP_REPLICATION == 3 &&
                       HEDGE_UEP_UNCODED == 4 && HEDGE_UEP_ROW_COLUMN == 0 && HEDGE_UEP_COLUMN_ROW == 1,
               "uep");
_Static_assert(HEDGE_POLY_INTEGERS == 0 && HEDGE_POLY_SPREAD == 1 && HEDGE_POLY_CHEBYSHEV == 2, "points");

#define AT(field)    offsetof(hedge_job_t, field)
#define LAYER(field) offsetof(hedge_job_layer_t, field)

static const hedge_conf_row_t layer_rows[] = {
        { "type", HEDGE_CONF_STRING, LAYER(type), 1, 31, NULL, NULL,
          "dense, conv, max_pool, average_pool, global_average_pool, relu, batch_norm, flatten or add.", NULL, NULL,
          0 },
        { "name", HEDGE_CONF_STRING, LAYER(name), 0, HEDGE_LAYER_NAME - 1, "\"\"", NULL,
          "The layer's own name; empty: its type and a number, for example conv2.", NULL, NULL, 0 },
        { "from", HEDGE_CONF_STRING, LAYER(from), 0, HEDGE_LAYER_NAME - 1, "\"\"", NULL,
          "Name of the layer that it reads, or image; empty: the one before.", NULL, NULL, 0 },
        { "with", HEDGE_CONF_STRING, LAYER(with), 0, HEDGE_LAYER_NAME - 1, "\"\"", NULL,
          "add: name of the other layer that it reads.", NULL, NULL, 0 },
        { "units", HEDGE_CONF_UINT, LAYER(units), 0, 1 << 20, "0", NULL,
          "dense: numbers that it gives. conv: its filters. The last layer gives one number per class.", NULL, NULL,
          0 },
        { "kernel", HEDGE_CONF_UINT, LAYER(kernel), 0, 255, "0", "pixels", "conv and pools: side of the window.", NULL,
          NULL, 0 },
        { "stride", HEDGE_CONF_UINT, LAYER(stride), 0, 65535, "0", "pixels",
          "conv and pools: how far the window moves; 0: by 1 in a conv, by its own side in a pool.", NULL, NULL, 0 },
        { "pad", HEDGE_CONF_UINT, LAYER(pad), 0, 255, "0", "pixels",
          "conv and pools: border on all four sides; less than the window's side.", NULL, NULL, 0 },
        { "bias", HEDGE_CONF_BOOL, LAYER(bias), 0, 0, "true", NULL, "dense, conv: with a bias.", NULL, NULL, 0 },
        { 0 },
};

const hedge_conf_row_t hedge_job_rows[] = {
        { "name", HEDGE_CONF_STRING, AT(name), 1, HEDGE_MODEL_NAME_MAX - 1, NULL, NULL,
          "Name of the model that comes out of it: letters, digits, '.', '_' and '-', the first a letter or digit.",
          NULL, NULL, 0 },
        { "model", HEDGE_CONF_STRING, AT(model), 0, 31, "\"\"", NULL,
          "Network to train: mlp, lenet5 or resnet8; empty: the one that layers describes.", NULL, NULL, 0 },
        { "layers", HEDGE_CONF_LIST, AT(layers), 0, HEDGE_MAX_LAYERS, "[]", NULL,
          "The network's layers, in order; in place of model.", NULL, layer_rows, sizeof(hedge_job_layer_t) },
        { "data.format", HEDGE_CONF_CHOICE, AT(data.format), 0, 0, "idx", NULL,
          "How the data files are written. idx: as MNIST's. cifar10: as CIFAR-10's binary version. Both may be "
          "gzipped.",
          formats, NULL, 0 },
        { "data.train", HEDGE_CONF_STRINGS, AT(data.train), 1, HEDGE_JOB_FILES, NULL, NULL,
          "Files to learn from, relative to the job's file. idx: the images and their labels. cifar10: one or more.",
          NULL, NULL, 0 },
        { "data.test", HEDGE_CONF_STRINGS, AT(data.test), 0, HEDGE_JOB_FILES, "[]", NULL,
          "Files to test on after every epoch, likewise.", NULL, NULL, 0 },
        { "data.classes", HEDGE_CONF_UINT, AT(data.classes), 2, HEDGE_NET_MAX_CLASSES, "10", NULL,
          "Classes that labels tell apart, counted from 0.", NULL, NULL, 0 },
        { "data.hold_out", HEDGE_CONF_UINT, AT(data.hold_out), 0, 1e9, "0", "images",
          "Without data.test: so many of the last images are tested on instead of learnt from.", NULL, NULL, 0 },
        { "data.flip", HEDGE_CONF_BOOL, AT(data.flip), 0, 0, "false", NULL,
          "Swap left and right of about every other image while learning.", NULL, NULL, 0 },
        { "data.labels", HEDGE_CONF_STRINGS, AT(data.labels), 0, HEDGE_NET_MAX_CLASSES, "[]", NULL,
          "Names of the classes, all of them; empty: they are numbers.", NULL, NULL, 0 },
        { "method", HEDGE_CONF_CHOICE, AT(method), 0, 0, "co3", NULL,
          "Who computes. co3: the boards, each on its share of the data; what they send is compressed. local: the "
          "coordinator alone. sazd-deu: the boards, each on its coded blocks of the weights, which they update "
          "themselves; sazd-naive, poly and uncoded are there to compare with it. uep-ew, uep-now: the boards, as much "
          "of the gradients' products as comes by a deadline, the most important parts first; uep-mds, "
          "uep-replication and uep-uncoded are there to compare with them.",
          hedge_job_methods, NULL, 0 },
        { "epochs", HEDGE_CONF_UINT, AT(epochs), 1, 1e6, "10", NULL, "Passes over the images to learn from.", NULL,
          NULL, 0 },
        { "batch", HEDGE_CONF_UINT, AT(batch), 1, HEDGE_MAX_BATCH, "64", "images",
          "Images of a step, on all boards together.", NULL, NULL, 0 },
        { "seed", HEDGE_CONF_UINT, AT(seed), 0, 0, "1", NULL,
          "What is random follows from it: first weights, order of the images, who learns from which.", NULL, NULL, 0 },
        { "checkpoint_s", HEDGE_CONF_UINT, AT(checkpoint_s), 1, 86400, "60", "s",
          "At most so much is lost when the coordinator ends suddenly; an epoch's end is always kept.", NULL, NULL, 0 },
        { "sgd.rate", HEDGE_CONF_FLOAT, AT(sgd.rate), 1e-9, 1000, "0.03", NULL, "The greatest learning rate.", NULL,
          NULL, 0 },
        { "sgd.momentum", HEDGE_CONF_FLOAT, AT(sgd.momentum), 0, 0.9999, "0.9", NULL,
          "How much of the last step's direction the next one keeps.", NULL, NULL, 0 },
        { "sgd.decay", HEDGE_CONF_FLOAT, AT(sgd.decay), 0, 1, "0.0005", NULL,
          "Weight decay; neither for biases nor for batch normalisation.", NULL, NULL, 0 },
        { "sgd.schedule", HEDGE_CONF_CHOICE, AT(sgd.schedule), 0, 0, "cosine", NULL,
          "What becomes of the rate. step: times sgd.drop every sgd.every epochs. cosine: down to 0 at the end.",
          schedules, NULL, 0 },
        { "sgd.drop", HEDGE_CONF_FLOAT, AT(sgd.drop), 0, 1, "0.1", NULL, "Schedule step: factor of the rate.", NULL,
          NULL, 0 },
        { "sgd.every", HEDGE_CONF_UINT, AT(sgd.every), 1, 1e6, "10", "epochs", "Schedule step: how often.", NULL, NULL,
          0 },
        { "sgd.warm_up", HEDGE_CONF_UINT, AT(sgd.warm_up), 0, 1e9, "0", "steps",
          "The rate climbs to its greatest over so many steps.", NULL, NULL, 0 },
        { "co3.format", HEDGE_CONF_CHOICE, AT(co3.format), 0, 0, "fp8", NULL,
          "Numbers in which boards send gradients; topk: the largest entries only, to compare with.", gradients, NULL,
          0 },
        { "co3.gamma", HEDGE_CONF_FLOAT, AT(co3.gamma), 0, 1, "1", NULL,
          "How much of what a message left out is sent with the next one; 0: nothing, to compare with.", NULL, NULL,
          0 },
        { "co3.max_bits", HEDGE_CONF_FLOAT, AT(co3.max_bits), 0, 16, "0", NULL,
          "Bits per entry of a gradient, compressed, at most. fp8, fp4: from 0.5, or 0: as many as the least error "
          "needs. topk: from 0.1, required.",
          NULL, NULL, 0 },
        { "co3.compress", HEDGE_CONF_BOOL, AT(co3.compress), 0, 0, "true", NULL,
          "Compress messages without loss; false to compare with.", NULL, NULL, 0 },
        { "co3.downlink", HEDGE_CONF_CHOICE, AT(co3.downlink), 0, 0, "fp8", NULL,
          "Numbers in which boards are sent the changes of the parameters.", updates, NULL, 0 },
        { "co3.quorum", HEDGE_CONF_UINT, AT(co3.quorum), 0, HEDGE_JOB_MAX_SHARDS, "0", "boards",
          "A step waits for so many gradients; later ones go into the next steps. 0: for all.", NULL, NULL, 0 },
        { "co3.shards", HEDGE_CONF_UINT, AT(co3.shards), 0, HEDGE_JOB_MAX_SHARDS, "0", NULL,
          "Parts that the images to learn from are cut into; 0: as many as there are boards at the start.", NULL, NULL,
          0 },
        { "sazd.k", HEDGE_CONF_UINT, AT(sazd.k), 1, HEDGE_SAZD_MAX_BLOCKS, "4", NULL,
          "Methods sazd-naive, sazd-deu, poly and uncoded: blocks that a layer's weights are cut into; a board holds "
          "one.",
          NULL, NULL, 0 },
        { "sazd.r", HEDGE_CONF_UINT, AT(sazd.r), 0, HEDGE_SAZD_MAX_BLOCKS, "2", NULL,
          "Further boards, with parities: so many may be slow or lost. uncoded has none.", NULL, NULL, 0 },
        { "sazd.step", HEDGE_CONF_UINT, AT(sazd.step), 0, 65536, "0", "rows",
          "How far parities move a block against the next; 1: as published, 0: as far as makes them an eighth longer, "
          "which keeps errors small.",
          NULL, NULL, 0 },
        { "sazd.min_units", HEDGE_CONF_UINT, AT(sazd.min_units), 1, 1 << 20, "256", NULL,
          "A layer with fewer inputs or outputs is computed by the coordinator.", NULL, NULL, 0 },
        { "sazd.error_budget", HEDGE_CONF_FLOAT, AT(sazd.error_budget), 1e-9, 1, "0.0001", NULL,
          "sazd-naive, sazd-deu: error of decoded products, relative to their root mean square, above which a job is "
          "refused.",
          NULL, NULL, 0 },
        { "sazd.points", HEDGE_CONF_CHOICE, AT(sazd.points), 0, 0, "chebyshev", NULL,
          "poly: where the polynomials are evaluated: at 1, 2, ..., evenly over -1 to 1, or at Chebyshev's points. "
          "With "
          "integers errors are large, and from k = 6 on beyond use.",
          points, NULL, 0 },
        { "sazd.fall_back", HEDGE_CONF_BOOL, AT(sazd.fall_back), 0, 0, "true", NULL,
          "uncoded: the coordinator computes the block of a lost board; false: it is waited for.", NULL, NULL, 0 },
        { "uep.deadline_ms", HEDGE_CONF_FLOAT, AT(uep.deadline_ms), 0.1, 3.6e6, "50", "ms",
          "Methods uep-*: how long a step waits for a product; what is not known by then is 0. All products of "
          "weights' gradients are asked for at once, those on the way back one after the other.",
          NULL, NULL, 0 },
        { "uep.split", HEDGE_CONF_CHOICE, AT(uep.split), 0, 0, "row-column", NULL,
          "How products A B are cut. row-column: A in blocks of rows, B in blocks of columns; column-row: the other "
          "way round, which makes every task as large as the product.",
          splits, NULL, 0 },
        { "uep.blocks_a", HEDGE_CONF_UINT, AT(uep.blocks_a), 1, HEDGE_UEP_MAX_PRODUCTS, "3", NULL,
          "Blocks of A; zeros are added where they do not come out even.", NULL, NULL, 0 },
        { "uep.blocks_b", HEDGE_CONF_UINT, AT(uep.blocks_b), 1, HEDGE_UEP_MAX_PRODUCTS, "3", NULL, "Blocks of B.", NULL,
          NULL, 0 },
        { "uep.levels", HEDGE_CONF_UINT, AT(uep.levels), 0, HEDGE_UEP_MAX_PRODUCTS, "0", NULL,
          "Levels of importance of blocks, by their norms; 0: as many as there are blocks, 3 at most.", NULL, NULL, 0 },
        { "uep.classes", HEDGE_CONF_UINT, AT(uep.classes), 0, HEDGE_UEP_MAX_CLASSES, "0", NULL,
          "Classes of importance of sub-products; 0: 3, or as many as there can be.", NULL, NULL, 0 },
        { "uep.windows", HEDGE_CONF_FLOATS, AT(uep.windows), 0, 1, "[]", NULL,
          "uep-ew, uep-now: probability of each class's window, the most important first; they sum to 1. Empty: chosen "
          "for the deadline, by how many packets have come by it so far.",
          NULL, NULL, 0 },
        { "uep.packets", HEDGE_CONF_UINT, AT(uep.packets), 0, HEDGE_UEP_MAX_PACKETS, "0", NULL,
          "Tasks of a product; 0: one per board.", NULL, NULL, 0 },
        { "uep.stacked", HEDGE_CONF_BOOL, AT(uep.stacked), 0, 0, "false", NULL,
          "A coefficient of its own for every sub-product of a packet, which makes tasks several times as large.", NULL,
          NULL, 0 },
        { 0 },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Client and coordinator: trainings and products. */
#include <math.h>

#include "common/code/uep/uep.h"
#include "common/wire/schema_group.h"

#define MAX_JOBS   1024
#define MAX_EPOCHS 1000000

static const hedge_field_t train[] = {
        { U64(hedge_msg_train_t, id), REQUIRED },
};

static const hedge_field_t epoch_fields[] = {
        { U32(hedge_epoch_report_t, epoch, 1, MAX_EPOCHS), REQUIRED },
        { F64(hedge_epoch_report_t, loss, 0, INFINITY) },
        { F64(hedge_epoch_report_t, test_loss, 0, INFINITY) },
        { F64(hedge_epoch_report_t, test_accuracy, 0, 1) },
        { F64(hedge_epoch_report_t, seconds, 0, FOREVER) },
        { F64(hedge_epoch_report_t, ms_per_step, 0, FOREVER) },
        { F64(hedge_epoch_report_t, samples_per_s, 0, FOREVER) },
        { F64(hedge_epoch_report_t, bytes_up_per_step, 0, FOREVER) },
        { F64(hedge_epoch_report_t, bytes_down_per_step, 0, FOREVER) },
        { F64(hedge_epoch_report_t, bits_per_entry, 0, FOREVER) },
        { F64(hedge_epoch_report_t, entropy, 0, FOREVER) },
        { U32(hedge_epoch_report_t, late, 0, ANY32) },
        { F64(hedge_epoch_report_t, boards, 0, FOREVER) },
};
static const hedge_record_t epoch = RECORD_OF("epoch", epoch_fields);

static const hedge_field_t event_fields[] = {
        { U64(hedge_job_event_t, step) },
        { F64(hedge_job_event_t, at_s, 0, FOREVER) },
        { TEXT(hedge_job_event_t, text), REQUIRED },
};
static const hedge_record_t event = RECORD_OF("event", event_fields);

static const hedge_field_t job_fields[] = {
        { U64(hedge_job_status_t, job), REQUIRED },
        { NAME(hedge_job_status_t, name, 1), REQUIRED },
        { TEXT(hedge_job_status_t, method), REQUIRED },
        { TEXT(hedge_job_status_t, state), REQUIRED },
        { TEXT(hedge_job_status_t, text) },
        { U32(hedge_job_status_t, epoch, 0, MAX_EPOCHS) },
        { U32(hedge_job_status_t, epochs, 0, MAX_EPOCHS) },
        { U64(hedge_job_status_t, step) },
        { U64(hedge_job_status_t, steps) },
        { U64(hedge_job_status_t, parameters) },
        { F64(hedge_job_status_t, loss, 0, INFINITY) },
        { F64(hedge_job_status_t, test_accuracy, -1, 1) },
        { F64(hedge_job_status_t, samples_per_s, 0, FOREVER) },
        { F64(hedge_job_status_t, bytes_up_per_step, 0, FOREVER) },
        { U32(hedge_job_status_t, boards, 0, ANY32) },
        { F64(hedge_job_status_t, left_s, -1, FOREVER) },
        { F64(hedge_job_status_t, age_s, 0, FOREVER) },
        { U32(hedge_job_status_t, first_epoch, 0, ANY32) },
        { LIST(hedge_job_status_t, epochs_done, n_epochs_done, 0, HEDGE_JOB_LIST), RECORD(epoch) },
        { U32(hedge_job_status_t, first_event, 0, ANY32) },
        { LIST(hedge_job_status_t, events, n_events, 0, HEDGE_JOB_LIST), RECORD(event) },
};
static const hedge_record_t job = RECORD_OF("job", job_fields);

static const hedge_field_t jobs[] = {
        { U64(hedge_msg_jobs_t, id), REQUIRED },
        { U64(hedge_msg_jobs_t, job) },
        { U32(hedge_msg_jobs_t, from_epoch, 0, ANY32) },
        { U32(hedge_msg_jobs_t, from_event, 0, ANY32) },
};

static const hedge_field_t jobs_ok[] = {
        { U64(hedge_msg_jobs_ok_t, id), REQUIRED },
        { LIST(hedge_msg_jobs_ok_t, jobs, n_jobs, 0, MAX_JOBS), RECORD(job) },
};

static const hedge_field_t job_ask[] = {
        { U64(hedge_msg_job_ask_t, id), REQUIRED },
        { U64(hedge_msg_job_ask_t, job), REQUIRED },
};

static const hedge_field_t job_model_ok[] = {
        { U64(hedge_msg_job_model_ok_t, id), REQUIRED },
        { U64(hedge_msg_job_model_ok_t, job), REQUIRED },
        { NAME(hedge_msg_job_model_ok_t, name, 1), REQUIRED },
};

static const hedge_field_t matmul[] = {
        { U64(hedge_msg_matmul_t, id), REQUIRED },
        { U32(hedge_msg_matmul_t, rows, 1, HEDGE_UEP_MAX_SIDE), REQUIRED },
        { U32(hedge_msg_matmul_t, inner, 1, HEDGE_UEP_MAX_SIDE), REQUIRED },
        { U32(hedge_msg_matmul_t, columns, 1, HEDGE_UEP_MAX_SIDE), REQUIRED },
        { TEXT(hedge_msg_matmul_t, scheme), REQUIRED },
        { TEXT(hedge_msg_matmul_t, split) },
        { U32(hedge_msg_matmul_t, blocks_a, 1, HEDGE_UEP_MAX_PRODUCTS), REQUIRED },
        { U32(hedge_msg_matmul_t, blocks_b, 1, HEDGE_UEP_MAX_PRODUCTS), REQUIRED },
        { U32(hedge_msg_matmul_t, levels, 0, HEDGE_UEP_MAX_PRODUCTS) },
        { U32(hedge_msg_matmul_t, classes, 0, HEDGE_UEP_MAX_CLASSES) },
        { U32(hedge_msg_matmul_t, packets, 0, HEDGE_UEP_MAX_PACKETS) },
        { LIST(hedge_msg_matmul_t, windows, n_windows, 0, HEDGE_UEP_MAX_CLASSES), .kind = HEDGE_FIELD_F64, .low = 0,
          .high = 1 },
        { BOOL(hedge_msg_matmul_t, stacked) },
        { U64(hedge_msg_matmul_t, seed) },
        { U32(hedge_msg_matmul_t, deadline_ms, 1, MAX_MS), REQUIRED },
};

static const hedge_field_t packet_fields[] = {
        { U32(hedge_packet_report_t, board, 0, HEDGE_CODE_MAX_BOARDS - 1) },
        { U32(hedge_packet_report_t, window, 0, HEDGE_UEP_MAX_CLASSES - 1) },
        { F64(hedge_packet_report_t, received_ms, 0, FOREVER) },
        { U32(hedge_packet_report_t, determined, 0, HEDGE_UEP_MAX_PRODUCTS) },
};
static const hedge_record_t packet = RECORD_OF("packet", packet_fields);

static const hedge_field_t matmul_ok[] = {
        { U64(hedge_msg_matmul_ok_t, id), REQUIRED },
        { F64(hedge_msg_matmul_ok_t, ms, 0, FOREVER) },
        { U32(hedge_msg_matmul_ok_t, products, 0, HEDGE_UEP_MAX_PRODUCTS) },
        { U32(hedge_msg_matmul_ok_t, determined, 0, HEDGE_UEP_MAX_PRODUCTS) },
        { F64(hedge_msg_matmul_ok_t, expected_error, 0, 1) },
        { LIST(hedge_msg_matmul_ok_t, packets, n_packets, 0, HEDGE_UEP_MAX_PACKETS), RECORD(packet) },
};

hedge_schema_group_t hedge_schema_jobs = {
        FRAMES(TRAIN, train, 2, 1 + HEDGE_JOB_FILES),
        TYPE(TRAIN_OK, jobs_ok),
        TYPE(JOBS, jobs),
        TYPE(JOBS_OK, jobs_ok),
        TYPE(JOB_STOP, job_ask),
        TYPE(JOB_STOP_OK, jobs_ok),
        TYPE(JOB_MODEL, job_ask),
        FRAMES(JOB_MODEL_OK, job_model_ok, 2, 2),
        FRAMES(MATMUL, matmul, 2, 2),
        FRAMES(MATMUL_OK, matmul_ok, 1, 1),
};

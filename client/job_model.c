/* SPDX-License-Identifier: Apache-2.0 */
#include "client/job_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/requests.h"
#include "common/io/replace.h"

static int check_writable(const char *path, hedge_why_t *why)
{
        hedge_replace_t replace;
        int r = hedge_replace_begin(path, &replace, why);

        if (!r)
                hedge_replace_end(&replace, -ECANCELED, why);
        return r;
}

void hedgec_job_model_release(hedgec_job_model_t *model)
{
        free(model->onnx);
        free(model->manifest);
        free(model->load);
        *model = (hedgec_job_model_t){ NULL, NULL, NULL };
}

static int name_files(const char *onnx, hedgec_job_model_t *model)
{
        const char *slash = strrchr(onnx, '/'), *base = slash ? slash + 1 : onnx;
        size_t length = strlen(onnx);
        bool found = !strcmp(base, "model.onnx");
        int n;

        if (strlen(base) > 5 && !strcmp(onnx + length - 5, ".onnx"))
                length -= 5;
        model->onnx = strdup(onnx);
        if (asprintf(&model->manifest, found ? "%.*s.yaml" : "%.*s.model.yaml", (int)length, onnx) < 0)
                model->manifest = NULL;
        if (!model->onnx || !model->manifest)
                return -ENOMEM;
        n = asprintf(&model->load, "hedge load %s%s%s", onnx, found ? "" : " --manifest ",
                     found ? "" : model->manifest);
        if (n < 0)
                model->load = NULL;
        return n < 0 ? -ENOMEM : 0;
}

int hedgec_job_model_name(const char *onnx, hedgec_job_model_t *ret, hedge_why_t *why)
{
        hedgec_job_model_t model = { NULL, NULL, NULL };
        int r = name_files(onnx, &model);

        if (r < 0)
                hedge_why(why, r, "%s", hedge_strerror(r));
        if (!r)
                r = check_writable(model.onnx, why);
        if (!r)
                r = check_writable(model.manifest, why);
        if (r < 0)
                hedgec_job_model_release(&model);
        else
                *ret = model;
        return r;
}

static int write_frame(const char *path, zmq_msg_t *frame, hedge_why_t *why)
{
        hedge_replace_t replace;
        int r = hedge_replace_begin(path, &replace, why);

        if (r < 0)
                return r;
        errno = 0;
        if (fwrite(zmq_msg_data(frame), 1, zmq_msg_size(frame), replace.file) != zmq_msg_size(frame))
                r = hedge_why(why, errno ? -errno : -EIO, "cannot write %s: %s", path,
                              hedge_strerror(errno ? -errno : -EIO));
        return hedge_replace_end(&replace, r, why);
}

int hedgec_job_model_fetch(hedgec_connection_t *connection, uint64_t job, const hedgec_job_model_t *model,
                           hedge_why_t *why)
{
        hedge_envelope_t answer;
        int r = hedgec_request_job_model(connection, job, &answer, why);

        if (r < 0)
                return r;
        r = write_frame(model->manifest, &answer.frames[1], why);
        if (!r)
                r = write_frame(model->onnx, &answer.frames[0], why);
        hedge_envelope_release(&answer);
        return r;
}

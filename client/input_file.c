/* SPDX-License-Identifier: Apache-2.0 */
#include "client/input_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/media/file.h"
#include "client/media/npy.h"
#include "common/io/kind.h"
#include "common/model/onnx.h"

#define PROTO_MAX_BYTES ((size_t)1 << 30)

static bool ends_with(const char *path, const char *ending)
{
        size_t a = strlen(path), b = strlen(ending);

        return a > b && !strcasecmp(path + a - b, ending);
}

static size_t max_bytes(const char *path)
{
        if (ends_with(path, ".pb"))
                return PROTO_MAX_BYTES;
        return ends_with(path, ".npy") || hedgec_file_is_stdin(path) ? HEDGEC_NPY_MAX_BYTES : HEDGEC_PICTURE_MAX_BYTES;
}

static int read_picture(const uint8_t *bytes, size_t size, bool as_stored, hedgec_input_file_t *ret, hedge_why_t *why)
{
        ret->is_picture = true;
        if (size > HEDGEC_PICTURE_MAX_BYTES)
                return hedge_why(why, HEDGE_ELIMIT, "is a picture of more than %u bytes", HEDGEC_PICTURE_MAX_BYTES);
        return hedgec_picture_decode(bytes, size, as_stored, &ret->picture, why);
}

static int read_proto(const uint8_t *bytes, size_t size, bool is_stdin, hedgec_input_file_t *ret, hedge_why_t *why)
{
        int r = hedge_onnx_tensor(bytes, size, &ret->tensor, why);

        if (r == HEDGE_EMALFORMED && is_stdin)
                return hedge_why(why, r, "is no picture, .npy or ONNX tensor that hedge knows");
        return r;
}

static int read_bytes(const char *path, const uint8_t *bytes, size_t size, bool as_stored, hedgec_input_file_t *ret,
                      hedge_why_t *why)
{
        bool is_stdin = hedgec_file_is_stdin(path);

        if (!size)
                return hedge_why(why, HEDGE_EMALFORMED, is_stdin ? "is empty, or has been read before" : "is empty");
        switch (hedge_kind(bytes, size)) {
        case HEDGE_KIND_NPY:
                return hedgec_npy_decode(bytes, size, &ret->tensor, why);
        case HEDGE_KIND_PNG:
        case HEDGE_KIND_JPEG:
        case HEDGE_KIND_PNM:
                return read_picture(bytes, size, as_stored, ret, why);
        case HEDGE_KIND_UNKNOWN:
                if (is_stdin)
                        return read_proto(bytes, size, true, ret, why);
                break;
        default:
                break;
        }
        if (ends_with(path, ".pb"))
                return read_proto(bytes, size, false, ret, why);
        if (ends_with(path, ".npy"))
                return hedgec_npy_decode(bytes, size, &ret->tensor, why);
        return read_picture(bytes, size, as_stored, ret, why);
}

int hedgec_input_file_read(const char *path, bool as_stored, hedgec_input_file_t *ret, hedge_why_t *why)
{
        hedgec_input_file_t file = { .is_picture = false };
        hedge_why_t inner = { "" };
        uint8_t *bytes;
        size_t size;
        int r = hedgec_file_read(path, max_bytes(path), &bytes, &size, why);

        if (r < 0)
                return r;
        r = read_bytes(path, bytes, size, as_stored, &file, &inner);
        free(bytes);
        if (r < 0)
                return hedge_why(why, r, "%s: %s", hedgec_file_name(path),
                                 inner.text[0] ? inner.text : hedge_strerror(r));
        *ret = file;
        return 0;
}

void hedgec_input_file_release(hedgec_input_file_t *file)
{
        hedgec_picture_release(&file->picture);
        hedge_tensor_release(&file->tensor);
}

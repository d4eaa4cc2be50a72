/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/foreign.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
        size_t at;
        const char *magic;
        size_t length;
        const char *kind;
} kinds[] = {
#define MAGIC(text) text, sizeof(text) - 1
        { 0, MAGIC("version https://git-lfs"),
          "a pointer of Git LFS in place of the file: fetch it with 'git lfs pull'" },
        { 0, MAGIC("\x1f\x8b"), "a gzip archive: unpack it first" },
        { 0, MAGIC("PK\x03\x04"), "a zip archive (PyTorch's files are such too): unpack it, or export to ONNX" },
        { 0,
          MAGIC("\xfd"
                "7zXZ"),
          "an xz archive: unpack it first" },
        { 0, MAGIC("(\xb5/\xfd"), "a zstd archive: unpack it first" },
        { 0, MAGIC("BZh"), "a bzip2 archive: unpack it first" },
        { 0, MAGIC("7z\xbc\xaf\x27\x1c"), "a 7z archive: unpack it first" },
        { 0, MAGIC("Rar!"), "a RAR archive: unpack it first" },
        { 257, MAGIC("ustar"), "a tar archive: unpack it first" },
        { 4, MAGIC("TFL3"), "a TensorFlow Lite model: convert it to ONNX" },
        { 0, MAGIC("\x89HDF\r\n\x1a\n"), "an HDF5 file, as Keras writes: convert it to ONNX" },
        { 0, MAGIC("\x80\x02}"), "a Python pickle: export the model to ONNX" },
        { 0, MAGIC("\x80\x02\x8a\nl"), "a PyTorch file: export the model to ONNX" },
        { 0, MAGIC("GGUF"), "a GGUF file: hedge runs ONNX models" },
        { 0, MAGIC("\x93NUMPY"), "a NumPy array" },
        { 0, MAGIC("\xff\xd8\xff"), "a JPEG picture" },
        { 0, MAGIC("\x89PNG"), "a PNG picture" },
        { 0,
          MAGIC("\x7f"
                "ELF"),
          "a program" },
        { 8, MAGIC("{\"__metadata__\""), "a safetensors file: export the model to ONNX" },
};

/* Pages and texts may begin with white space and a byte order mark. */
static const char *text_kind(const char *text, size_t size)
{
        static const struct {
                const char *start, *kind;
        } starts[] = {
                { "<!doctype", "a web page: the download gave a page in place of the file" },
                { "<html", "a web page: the download gave a page in place of the file" },
                { "<?xml", "an XML document: the download gave a page in place of the file" },
                { "{", "a JSON text" },
        };

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                text += 3;
                size -= 3;
        }
        for (; size > 0 && isspace((unsigned char)*text); size--)
                text++;
        for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
                if (size >= strlen(starts[i].start) && strncasecmp(text, starts[i].start, strlen(starts[i].start)) == 0)
                        return starts[i].kind;
        return NULL;
}

const char *hedge_foreign_kind(const void *bytes, size_t size)
{
        const char *text = bytes;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (size >= kinds[i].at + kinds[i].length &&
                    memcmp(text + kinds[i].at, kinds[i].magic, kinds[i].length) == 0)
                        return kinds[i].kind;
        return text_kind(text, size);
}

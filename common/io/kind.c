/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/kind.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

typedef struct row {
        const char *magic;
        unsigned size, offset;
        hedge_kind_t kind;
        const char *text;
} row_t;

#define MAGIC(magic, offset, kind, text)                                  \
        {                                                                 \
                magic, sizeof(magic) - 1, offset, HEDGE_KIND_##kind, text \
        }

/* The first that fits. */
static const row_t rows[] = {
        MAGIC("\x89PNG\r\n\x1a\n", 0, PNG, "a PNG picture"),
        MAGIC("\xff\xd8\xff", 0, JPEG, "a JPEG picture"),
        MAGIC("\x93NUMPY", 0, NPY, "a NumPy array (.npy)"),
        MAGIC("GIF8", 0, OTHER, "a GIF picture"),
        MAGIC("WEBP", 8, OTHER, "a WebP picture"),
        MAGIC("ftypheic", 4, OTHER, "a HEIC picture"),
        MAGIC("ftypheix", 4, OTHER, "a HEIC picture"),
        MAGIC("ftypheim", 4, OTHER, "a HEIC picture"),
        MAGIC("ftyphevc", 4, OTHER, "a HEIC picture"),
        MAGIC("ftypmif1", 4, OTHER, "a HEIF picture"),
        MAGIC("ftypmsf1", 4, OTHER, "a HEIF picture"),
        MAGIC("ftypavif", 4, OTHER, "an AVIF picture"),
        MAGIC("ftypavis", 4, OTHER, "an AVIF picture"),
        MAGIC("ftyp", 4, OTHER, "a video (MP4 or alike)"),
        MAGIC("\x1a\x45\xdf\xa3", 0, OTHER, "a video (Matroska or WebM)"),
        MAGIC("II*\0", 0, OTHER, "a TIFF picture"),
        MAGIC("MM\0*", 0, OTHER, "a TIFF picture"),
        MAGIC("\0\0\0\x0cjP  ", 0, OTHER, "a JPEG 2000 picture"),
        MAGIC("\xff\x4f\xff\x51", 0, OTHER, "a JPEG 2000 picture"),
        MAGIC("\0\0\0\x0cJXL ", 0, OTHER, "a JPEG XL picture"),
        MAGIC("\xff\x0a", 0, OTHER, "a JPEG XL picture"),
        MAGIC("8BPS", 0, OTHER, "a Photoshop picture"),
        MAGIC("\x76\x2f\x31\x01", 0, OTHER, "an OpenEXR picture"),
        MAGIC("#?RADIANCE", 0, OTHER, "a Radiance picture"),
        MAGIC("P7\n", 0, OTHER, "a PAM picture"),
        MAGIC("PF\n", 0, OTHER, "a PFM picture"),
        MAGIC("Pf\n", 0, OTHER, "a PFM picture"),
        MAGIC("%PDF-", 0, OTHER, "a PDF document"),
        MAGIC("version https://git-lfs", 0, OTHER, "a pointer of Git LFS, whose file is elsewhere (git lfs pull)"),
        MAGIC("TFL3", 4, OTHER, "a TensorFlow Lite model"),
        MAGIC("GGUF", 0, OTHER, "a GGUF model"),
        MAGIC("{\"__metadata__\"", 8, OTHER, "a safetensors file"),
        MAGIC("PK\x03\x04", 0, OTHER, NULL), /* looked at below */
        MAGIC("\x1f\x8b", 0, OTHER, "a gzip archive"),
        MAGIC("\xfd"
              "7zXZ",
              0, OTHER, "an xz archive"),
        MAGIC("BZh", 0, OTHER, "a bzip2 archive"),
        MAGIC("\x28\xb5\x2f\xfd", 0, OTHER, "a zstd archive"),
        MAGIC("\x89HDF", 0, OTHER, "an HDF5 file"),
        MAGIC("\x80\x02", 0, OTHER, "a Python pickle"),
        MAGIC("\x80\x04\x95", 0, OTHER, "a Python pickle"),
        MAGIC("7z\xbc\xaf\x27\x1c", 0, OTHER, "a 7z archive"),
        MAGIC("Rar!", 0, OTHER, "a RAR archive"),
        MAGIC("ustar", 257, OTHER, "a tar archive"),
        MAGIC("\x7f"
              "ELF",
              0, OTHER, "a program"),
};

static bool has(const uint8_t *bytes, size_t size, size_t offset, const char *magic, size_t n)
{
        return size >= offset + n && !memcmp(bytes + offset, magic, n);
}

/* A zip archive's first entry has its name at 30; numpy.savez's end in .npy. */
static const char *zip_text(const uint8_t *bytes, size_t size)
{
        size_t n = size >= 30 ? bytes[26] | (size_t)bytes[27] << 8 : 0;

        if (n >= 4 && n <= size - 30 && !memcmp(bytes + 30 + n - 4, ".npy", 4))
                return "an archive of NumPy arrays (.npz): save the one that is meant with numpy.save";
        return "a zip archive (a PyTorch file is one too)";
}

/* Texts by their first word, in capitals or not, behind a byte order mark and white space. */
static const row_t *find_text(const uint8_t *bytes, size_t size)
{
        static const row_t texts[] = {
                MAGIC("<!doctype", 0, OTHER, "a web page (HTML)"),
                MAGIC("<html", 0, OTHER, "a web page (HTML)"),
                MAGIC("<svg", 0, OTHER, "an SVG drawing"),
                MAGIC("<?xml", 0, OTHER, "XML (an SVG drawing, perhaps)"),
        };
        size_t at = has(bytes, size, 0, "\xef\xbb\xbf", 3) ? 3 : 0;

        while (at < size && isspace(bytes[at]))
                at++;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (size - at >= texts[i].size && !strncasecmp((const char *)bytes + at, texts[i].magic, texts[i].size))
                        return &texts[i];
        return NULL;
}

static bool is_pnm(const uint8_t *bytes, size_t size)
{
        return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
               (isspace(bytes[2]) || bytes[2] == '#');
}

static const row_t *find(const uint8_t *bytes, size_t size)
{
        static const row_t bmp = MAGIC("BM", 0, OTHER, "a BMP picture");
        static const row_t pnm = MAGIC("P", 0, PNM, "a PPM, PGM or PBM picture");

        if (is_pnm(bytes, size))
                return &pnm;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (has(bytes, size, rows[i].offset, rows[i].magic, rows[i].size))
                        return &rows[i];
        }
        /* two letters are few: its four reserved bytes are 0 */
        if (has(bytes, size, 0, "BM", 2) && has(bytes, size, 6, "\0\0\0\0", 4))
                return &bmp;
        return find_text(bytes, size);
}

hedge_kind_t hedge_kind(const uint8_t *bytes, size_t size)
{
        const row_t *row = find(bytes, size);

        return row ? row->kind : HEDGE_KIND_UNKNOWN;
}

const char *hedge_kind_text(const uint8_t *bytes, size_t size)
{
        const row_t *row = find(bytes, size);

        if (!size)
                return "empty";
        if (!row)
                return NULL;
        return row->text ? row->text : zip_text(bytes, size);
}

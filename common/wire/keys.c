/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/io/file.h"
#include "common/wire/message.h"

#define MAX_FILE_BYTES 8192
#define KEY_CHARS      40

/* Write a new file, or none. */
static int write_new(const char *path, mode_t mode, const char *text, hedge_why_t *why)
{
        int fd, r;

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0) {
                r = -errno;
                return hedge_why(why, r, "%s: %s", path, r == -EEXIST ? "is there already" : hedge_strerror(r));
        }
        r = fchmod(fd, mode) < 0 ? -errno : hedge_io_write(fd, text, strlen(text));
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (close(fd) < 0 && r == 0)
                r = -errno;
        if (r < 0) {
                unlink(path);
                return hedge_why(why, r, "%s: %s", path, hedge_strerror(r));
        }
        return 0;
}

static void print_certificate(char *buf, size_t size, const char *name, const hedge_key_pair_t *pair, bool secret)
{
        char when[32] = "";
        time_t now = time(NULL);
        struct tm parts;

        if (gmtime_r(&now, &parts))
                strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &parts);
        snprintf(buf, size,
                 "#   hedge: CURVE %s of %s, made %s\n"
                 "#   %s\n"
                 "metadata\n"
                 "    name = \"%s\"\n"
                 "curve\n"
                 "    public-key = \"%s\"\n%s%s%s",
                 secret ? "key pair" : "public key", name, when,
                 secret ? "Keep it to yourself." : "Give it to those who are to let its owner in, or to connect to it.",
                 name, pair->public_key, secret ? "    secret-key = \"" : "", secret ? pair->secret_key : "",
                 secret ? "\"\n" : "");
}

int hedge_keys_generate(const char *dir, const char *name, hedge_why_t *why)
{
        char secret_path[4096], public_path[4096], text[1024];
        hedge_key_pair_t pair = { 0 };
        struct stat st;
        int r;

        if (!hedge_name_ok(name))
                return hedge_why(
                        why, -EINVAL,
                        "'%s' is no name for a key: letters, digits, '.', '_' and '-', first a letter or digit", name);
        if (snprintf(secret_path, sizeof(secret_path), "%s/%s.secret", dir, name) >= (int)sizeof(secret_path) ||
            snprintf(public_path, sizeof(public_path), "%s/%s.pub", dir, name) >= (int)sizeof(public_path))
                return hedge_why(why, -ENAMETOOLONG, "%s: a path that is too long", dir);
        if (lstat(public_path, &st) == 0)
                return hedge_why(why, -EEXIST, "%s: is there already", public_path);
        if (zmq_curve_keypair(pair.public_key, pair.secret_key) < 0)
                return hedge_why(why, -errno, "libzmq cannot make CURVE keys: %s", zmq_strerror(errno));
        print_certificate(text, sizeof(text), name, &pair, true);
        r = write_new(secret_path, 0600, text, why);
        if (r == 0) {
                print_certificate(text, sizeof(text), name, &pair, false);
                r = write_new(public_path, 0644, text, why);
                if (r < 0)
                        unlink(secret_path);
        }
        explicit_bzero(text, sizeof(text));
        hedge_keys_wipe(&pair);
        return r;
}

static int check_mode(const char *path, int fd, hedge_why_t *why)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return hedge_why(why, -errno, "%s: %s", path, hedge_strerror(-errno));
        if (st.st_mode & 077)
                return hedge_why(why, HEDGE_EDENIED, "%s: others may use it (mode %03o); it must be 600", path,
                                 (unsigned)st.st_mode & 0777);
        return 0;
}

static int read_open(const char *path, int fd, char buf[MAX_FILE_BYTES], hedge_why_t *why)
{
        char *text;
        size_t size;
        int r = hedge_io_read(fd, MAX_FILE_BYTES - 1, &text, &size);

        if (r < 0 && r != HEDGE_ELIMIT)
                return hedge_why(why, r, "%s: %s", path, hedge_strerror(r));
        if (r == 0) {
                memcpy(buf, text, size + 1);
                explicit_bzero(text, size);
                free(text);
        }
        if (r < 0 || memchr(buf, 0, size))
                return hedge_why(why, HEDGE_EMALFORMED, "%s: not a certificate", path);
        return 0;
}

/* Read a small file as text. */
static int read_text(const char *path, bool secret, char buf[MAX_FILE_BYTES], hedge_why_t *why)
{
        const int fd = hedge_io_open_regular(path, 0);
        int r;

        if (fd == -EINVAL || fd == -EISDIR)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: not a file", path);
        if (fd < 0)
                return hedge_why(why, fd, "%s: %s", path, hedge_strerror(fd));
        r = secret ? check_mode(path, fd, why) : 0;
        if (r == 0)
                r = read_open(path, fd, buf, why);
        close(fd);
        return r;
}

/* Take the value of a line `key = "value"` where it has that key and the length of a key. */
static bool take_key(const char *line, size_t length, const char *key, char ret[41])
{
        const char *end = line + length, *value;

        line += strspn(line, " \t");
        if (strncmp(line, key, strlen(key)))
                return false;
        line += strlen(key);
        line += strspn(line, " \t");
        if (*line != '=')
                return false;
        line += 1 + strspn(line + 1, " \t");
        if (*line != '"' && *line != '\'')
                return false;
        value = line + 1;
        if (end - value <= KEY_CHARS || value[KEY_CHARS] != *line)
                return false;
        memcpy(ret, value, KEY_CHARS);
        ret[KEY_CHARS] = 0;
        return true;
}

static bool find_key(const char *text, const char *key, char ret[41])
{
        bool in_curve = false;

        while (*text) {
                size_t length = strcspn(text, "\n");

                if (length && !strchr(" \t#\r", text[0]))
                        in_curve =
                                length >= 5 && !strncmp(text, "curve", 5) && (length == 5 || strchr(" \t\r#", text[5]));
                else if (in_curve && take_key(text, length, key, ret))
                        return true;
                text += length + (text[length] == '\n');
        }
        return false;
}

static int read_key(const char *path, const char *text, const char *key, char ret[41], hedge_why_t *why)
{
        uint8_t binary[32];
        bool good;

        if (!find_key(text, key, ret))
                return hedge_why(why, HEDGE_EMALFORMED, "%s: there is no curve/%s of 40 characters", path, key);
        good = zmq_z85_decode(binary, ret) != NULL;
        explicit_bzero(binary, sizeof(binary));
        return good ? 0 : hedge_why(why, HEDGE_EMALFORMED, "%s: the %s is not Z85", path, key);
}

int hedge_keys_load_secret(const char *path, hedge_key_pair_t *ret, hedge_why_t *why)
{
        char text[MAX_FILE_BYTES], derived[41];
        hedge_key_pair_t pair;
        int r;

        r = read_text(path, true, text, why);
        if (r == 0)
                r = read_key(path, text, "public-key", pair.public_key, why);
        if (r == 0)
                r = read_key(path, text, "secret-key", pair.secret_key, why);
        if (r == 0 && zmq_curve_public(derived, pair.secret_key) < 0)
                r = hedge_why(why, -errno, "libzmq has no CURVE: %s", zmq_strerror(errno));
        if (r == 0 && strcmp(derived, pair.public_key))
                r = hedge_why(why, HEDGE_EMALFORMED, "%s: the two keys are not a pair", path);
        if (r == 0)
                *ret = pair;
        explicit_bzero(text, sizeof(text));
        hedge_keys_wipe(&pair);
        return r;
}

int hedge_keys_load_public(const char *path, char ret_public_key[41], hedge_why_t *why)
{
        char text[MAX_FILE_BYTES], key[41];
        int r;

        r = read_text(path, false, text, why);
        if (r == 0)
                r = read_key(path, text, "public-key", key, why);
        if (r == 0)
                memcpy(ret_public_key, key, sizeof(key));
        explicit_bzero(text, sizeof(text));
        return r;
}

void hedge_keys_wipe(hedge_key_pair_t *pair)
{
        explicit_bzero(pair, sizeof(*pair));
}

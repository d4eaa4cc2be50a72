/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IO_FILE_H
#define HEDGE_IO_FILE_H

#include <stddef.h>

#include "common/err.h"

/** Whole files. Signals that interrupt, and reads and writes that are cut short, are gone on after. */

/** Read to the end. Memory is taken for what a regular file says that it has, if that is not too much, else as bytes come.
 * @param max_bytes  More are refused. @param ret  To be freed; a zero byte lies behind the contents.
 * @return 0, HEDGE_ELIMIT, -ENOMEM, -errno. */
int hedge_io_read(int fd, size_t max_bytes, char **ret, size_t *ret_size);

/** Read so many bytes. @return 0, -ENODATA (it ends before), -errno. */
int hedge_io_read_exactly(int fd, void *bytes, size_t size);

/** @return 0, -errno. */
int hedge_io_write(int fd, const void *bytes, size_t size);

/** Open a file to read that must be a regular one: a pipe is not waited for. @param flags  O_NOFOLLOW, or 0.
 * @return the descriptor, -EISDIR (a folder), -EINVAL (a pipe, a device, ...), -errno. */
int hedge_io_open_regular(const char *path, int flags);

/** Open a regular file to read that lies in a folder, or below it: no absolute path, no "..", and no link on the way.
 * @return as hedge_io_open_regular, or HEDGE_EDENIED. */
int hedge_io_open_beneath(const char *folder, const char *path);

/** Read a file, or a pipe to its end. @return as hedge_io_read. */
int hedge_io_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_size);

#endif

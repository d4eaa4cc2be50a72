/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FILE_FRAME_H
#define HEDGEC_FILE_FRAME_H

#include <zmq.h>

#include "common/err.h"

/** A frame of a file's contents, without a copy: the pages are sent from where the kernel has them.
 * @return 0, HEDGE_EMALFORMED (it is empty), HEDGE_ELIMIT (more than one frame may hold), -EISDIR, -EINVAL (no file),
 *         -ENOMEM, -errno; `why` names the file. */
int hedgec_frame_file(const char *path, zmq_msg_t *frame, hedge_why_t *why);

/** A frame of malloc'ed text: taken over, but on failure. @return 0, -ENOMEM. */
int hedgec_frame_text(char *text, size_t size, zmq_msg_t *frame, hedge_why_t *why);

#endif

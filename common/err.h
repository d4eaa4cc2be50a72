/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ERR_H
#define HEDGE_ERR_H

/** Error codes.
 *
 * Functions return 0 (or a count) on success and a negative code on failure: -errno, or one of the
 * codes below. `ret_` and `ret` outputs are written on success only. Libraries do not log. */
enum hedge_err {
        HEDGE_EUNDECODABLE = -1000, /**< the parts at hand do not determine the result */
        HEDGE_EMALFORMED = -1001,   /**< bytes from outside that do not follow their format */
        HEDGE_EVERSION = -1002,     /**< the peer speaks another protocol version */
        HEDGE_ELIMIT = -1003,       /**< a count, shape or size is above what is allowed */
        HEDGE_EUNSUPPORTED = -1004, /**< well-formed, but hedge has no such operator, type or scheme */
        HEDGE_EDENIED = -1005,      /**< the key is not on the allow-list, or not for this role or name */
        HEDGE_ENOMODEL = -1006,     /**< no model of that name is loaded */
        HEDGE_ENOSHARE = -1007,     /**< the board does not hold that share */
        HEDGE_ENOBOARDS = -1008,    /**< not enough live boards */
        HEDGE_ESHUTDOWN = -1009,    /**< the program is stopping */
        HEDGE_EKERNEL = -1010,      /**< the kernel library failed */
        HEDGE_ECONFIG = -1011,      /**< a configuration is wrong; the text says where */
        HEDGE_ESHAPE = -1012,       /**< an input's shape is not the model's */
        HEDGE_ERANGE = -1013,       /**< an integer tensor got a value that its type, or hedge, does not have */
};

/** A short English text for any code that this project returns; never NULL.
 * Valid until the thread's next call. */
const char *hedge_strerror(int code);

/** Room for one sentence that says what is wrong; passed down where a code alone is not enough. */
typedef struct hedge_why {
        char text[512];
} hedge_why_t;

/** Write the sentence (printf style, cut to fit) and return `code`, so that
 * `return hedge_why(why, HEDGE_EMALFORMED, "...")` reads well. `why` may be NULL. */
int hedge_why(hedge_why_t *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

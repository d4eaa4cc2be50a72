/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LOG_H
#define HEDGE_LOG_H

/** Logging for the programs (libraries do not log): one line to stderr per message.
 *
 * Under systemd (JOURNAL_STREAM is set) lines begin with the journal's priority, `<4>`; on a terminal or in a file with
 * a time and a word. Messages name their entity as key=value: `board=pi-3 job=42: ...`. Control characters in a message
 * are replaced, so that what a peer sends cannot forge a line. */
typedef enum hedge_log_level {
        HEDGE_LOG_ERROR = 3,
        HEDGE_LOG_WARNING = 4,
        HEDGE_LOG_NOTICE = 5,
        HEDGE_LOG_INFO = 6,
        HEDGE_LOG_DEBUG = 7,
} hedge_log_level_t;

/** Messages above this level are dropped; HEDGE_LOG_INFO at the start. */
void hedge_log_set_level(hedge_log_level_t level);

void hedge_log(hedge_log_level_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   hedge_log(HEDGE_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) hedge_log(HEDGE_LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  hedge_log(HEDGE_LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    hedge_log(HEDGE_LOG_INFO, __VA_ARGS__)
#define log_debug(...)   hedge_log(HEDGE_LOG_DEBUG, __VA_ARGS__)

#endif

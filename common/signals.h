/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SIGNALS_H
#define HEDGE_SIGNALS_H

/** A program's signals as a descriptor to poll: SIGTERM and SIGINT (stop), SIGHUP (read again what can change). SIGPIPE is ignored.
 *
 * By handlers, and not by blocked signals with a signalfd: libraries have threads of their own from before main() on, and those
 * block nothing. One for the process. */

/** From now on signals are kept. @param ret_fd  Readable while there is one. @return 0, -errno. */
int hedge_signals_open(int *ret_fd);

/** The oldest that has not been read, without waiting; 0: none. */
int hedge_signals_next(int fd);

/** Signals are what they were by default, but for SIGPIPE. */
void hedge_signals_close(int fd);

#endif

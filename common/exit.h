/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EXIT_H
#define HEDGE_EXIT_H

/** What all programs end with, beside 0. */
#define HEDGE_EXIT_FAILED 1  /**< something failed; the log or standard error says what */
#define HEDGE_EXIT_USAGE  2  /**< wrong usage */
#define HEDGE_EXIT_CONFIG 78 /**< of the daemons: the configuration, or a key, is wrong (sysexits.h) */

#endif

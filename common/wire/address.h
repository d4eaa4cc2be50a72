/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ADDRESS_H
#define HEDGE_ADDRESS_H

#include <stdbool.h>

#include "common/err.h"

/** ZeroMQ endpoints as users write them: tcp://HOST:PORT, tcp://[IPV6]:PORT, tcp://[IPV6%INTERFACE]:PORT, ipc://FILE. */

/** Is it an endpoint that can be used?
 *
 * @param binding  To listen at: the host may be * or an interface's name, the port may be *.
 * @return 0, HEDGE_ECONFIG; `why` says what is wrong. */
int hedge_address_check(const char *endpoint, bool binding, hedge_why_t *why);

/** Does it stay on this machine: ipc, 127.0.0.0/8 or ::1, as a number and not as a name? */
bool hedge_address_is_local(const char *endpoint);

/** Does it listen on every interface: tcp with *, 0.0.0.0 or [::] for its host? */
bool hedge_address_is_any(const char *endpoint);

#endif

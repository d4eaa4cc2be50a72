/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ROUTE_H
#define HEDGE_ROUTE_H

#include <stdint.h>

#define HEDGE_ROUTE_MAX 256

/** A peer's routing id at a ROUTER socket. */
typedef struct hedge_route {
        uint8_t bytes[HEDGE_ROUTE_MAX];
        uint32_t size; /**< 0: none (the socket is a DEALER) */
} hedge_route_t;

#endif

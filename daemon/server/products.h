/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PRODUCTS_H
#define HEDGED_PRODUCTS_H

#include "daemon/server/server.h"

/** Products of two matrices by a deadline (MATMUL), one at a time, over the line that training jobs use. */

/** @return 0, -ENOMEM. */
int hedged_products_new(hedged_products_t **ret);

/** None is being computed. NULL-safe; nullifies. */
void hedged_products_destroy(hedged_products_t **products);

/** MATMUL. */
void hedged_products_matmul(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);

/** The product has come back. */
void hedged_products_done(hedged_server_t *server);

/** The program stops. */
void hedged_products_stop(hedged_server_t *server);

/** Tell the client that waits that there will be no answer. */
void hedged_products_abandon(hedged_products_t *products);

#endif

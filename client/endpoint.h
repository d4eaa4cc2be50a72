/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_ENDPOINT_H
#define HEDGE_CLIENT_ENDPOINT_H

#include "client/options.h"
#include "common/wire/keys.h"

#define HEDGE_DEFAULT_SOCKET "/run/hedge/hedged.sock"
#define HEDGE_ADDRESS_MAX    256

/** Which coordinator, as the user says it. */
typedef struct hedge_target {
        const char *dir;        /**< --dir: a cluster made by `hedge up` */
        const char *connect;    /**< --connect: ZeroMQ endpoint */
        const char *key;        /**< --key: our NAME.secret */
        const char *server_key; /**< --server-key: the coordinator's NAME.pub */
        bool insecure;          /**< --insecure: tcp without keys */
        uint64_t timeout_s;     /**< --timeout: of one answer; 0: HEDGE_DEFAULT_TIMEOUT_S */
} hedge_target_t;

#define HEDGE_DEFAULT_TIMEOUT_S 60

/** The options above; for a HEDGE_OPTION_TABLE row. */
extern const hedge_option_t hedge_target_options[];

/** Which coordinator, resolved. */
typedef struct hedge_endpoint {
        char address[HEDGE_ADDRESS_MAX]; /**< "ipc:///run/hedge/hedged.sock" */
        bool curve;
        hedge_key_pair_t keys; /**< curve: ours */
        char server_key[41];   /**< curve: the coordinator's public key, Z85 */
        int timeout_ms;        /**< of one answer */
} hedge_endpoint_t;

/** The folder of the cluster: --dir, else HEDGE_DIR where --connect is not given, else NULL. Borrowed. */
const char *hedge_target_dir(const hedge_target_t *target);

/** Resolve: --dir (or HEDGE_DIR) is ipc://DIR/run/hedged.sock; else --connect, with --key and --server-key (CURVE)
 * unless it is ipc:// or --insecure; else ipc:///run/hedge/hedged.sock.
 * @return 0, -EINVAL (wrong usage; `why` says what), -ENAMETOOLONG, or what reading the keys failed with. */
int hedge_endpoint_resolve(const hedge_target_t *target, hedge_endpoint_t *ret, hedge_why_t *why);

/** The longest socket path that Linux takes, without its zero. */
#define HEDGE_SOCKET_PATH_MAX 107

/** Write "DIR/run/hedged.sock" with DIR made absolute (a daemon has another working directory).
 * @return 0, -ENAMETOOLONG. */
int hedge_socket_path(const char *dir, char *path, size_t size, hedge_why_t *why);

#endif

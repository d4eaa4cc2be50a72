/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_ENDPOINT_H
#define HEDGEC_ENDPOINT_H

#include "client/options.h"
#include "common/wire/keys.h"

#define HEDGEC_DEFAULT_SOCKET "/run/hedge/hedged.sock"
#define HEDGEC_ADDRESS_MAX    256

/** Which coordinator, as the user says it. */
typedef struct hedgec_target {
        const char *dir;        /**< --dir: a cluster made by `hedge up` */
        const char *connect;    /**< --connect: ZeroMQ endpoint */
        const char *key;        /**< --key: our NAME.secret */
        const char *server_key; /**< --server-key: the coordinator's NAME.pub */
        bool insecure;          /**< --insecure: tcp without keys */
        uint64_t timeout_s;     /**< --timeout: of one answer; 0: HEDGEC_DEFAULT_TIMEOUT_S */
} hedgec_target_t;

#define HEDGEC_DEFAULT_TIMEOUT_S 60

/** The options above; for a HEDGEC_OPTION_TABLE row. */
extern const hedgec_option_t hedgec_target_options[];

/** Which coordinator, resolved. */
typedef struct hedgec_endpoint {
        char address[HEDGEC_ADDRESS_MAX]; /**< "ipc:///run/hedge/hedged.sock" */
        bool curve;
        hedge_key_pair_t keys; /**< curve: ours */
        char server_key[41];   /**< curve: the coordinator's public key, Z85 */
        int timeout_ms;        /**< of one answer */
} hedgec_endpoint_t;

/** The folder of the cluster: --dir, else HEDGE_DIR where --connect is not given, else NULL. Borrowed. */
const char *hedgec_target_dir(const hedgec_target_t *target);

/** Resolve: --dir (or HEDGE_DIR) is ipc://DIR/run/hedged.sock; else --connect, with --key and --server-key (CURVE)
 * unless it is ipc:// or --insecure; else ipc:///run/hedge/hedged.sock.
 * @return 0, -EINVAL (wrong usage; `why` says what), -ENAMETOOLONG, or what reading the keys failed with. */
int hedgec_endpoint_resolve(const hedgec_target_t *target, hedgec_endpoint_t *ret, hedge_why_t *why);

/** The longest socket path that Linux takes, without its zero. */
#define HEDGEC_SOCKET_PATH_MAX 107

/** Write "DIR/run/hedged.sock" with DIR made absolute (a daemon has another working directory).
 * @return 0, -ENAMETOOLONG. */
int hedgec_socket_path(const char *dir, char *path, size_t size, hedge_why_t *why);

#endif

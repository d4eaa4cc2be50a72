# SPDX-License-Identifier: Apache-2.0
"""Over tcp only clients whose key is in keys/clients get in; without a key, or to a false coordinator, nobody does."""
import shutil

from cluster import Cluster, check, hedge, unused_endpoint, write_digit

endpoint = unused_endpoint()

with Cluster(boards=2, options=["--set", f"listen.clients_tcp={endpoint}"]) as c:
    c.load_digits()
    keys = c.dir / "mine"
    keys.mkdir()
    for name in ("friend", "stranger"):
        hedge("keygen", keys, name)
    shutil.copy(keys / "friend.pub", c.dir / "keys/clients/")
    server = c.dir / "keys/coordinator.pub"

    def ask(key, server_key, status):
        return hedge("status", "--connect", endpoint, "--key", keys / key, "--server-key", server_key, status=status)

    check("alive" in ask("friend.secret", server, 0).stdout, "a friend")
    digit = write_digit(c.dir / "one.png")
    hedge("infer", "digits", digit, "--connect", endpoint, "--key", keys / "friend.secret", "--server-key", server)
    check("refuses this key" in ask("stranger.secret", server, 1).stderr, "a stranger")
    check("--server-key" in ask("friend.secret", keys / "stranger.pub", 1).stderr, "a false coordinator")
    said = hedge("status", "--connect", endpoint, "--insecure", status=1).stderr
    check(endpoint in said, "without a key:", said)
    check("--server-key" in hedge("status", "--connect", endpoint, status=2).stderr, "usage")

    # What was generated is not overwritten, and a secret that others can read is not used.
    check("friend" in hedge("keygen", keys, "friend", status=1).stderr, "keygen over a key")
    (keys / "friend.secret").chmod(0o644)
    check("friend.secret" in ask("friend.secret", server, 1).stderr, "an open secret")
    check(c.alive()["alive"] == 2, "the cluster")

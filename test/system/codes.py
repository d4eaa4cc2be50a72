# SPDX-License-Identifier: Apache-2.0
"""`hedge codes` states what the code can do: FCDCC's figures for NSCTC at n = 20, delta = 16."""
import json

from cluster import check, hedge

study = json.loads(hedge("codes", "--scheme", "nsctc", "--ka", 8, "--kb", 8, "--n", 20, "--json").stdout)
check({"delta", "cond_median", "cond_worst", "mse_float32", "mse_float64"} <= set(study), study)
check(study["delta"] == 16 and 1 <= study["cond_median"] <= study["cond_worst"] < 1e5, study)
check(study["mse_float64"] <= 1e-27 and study["mse_float32"] < 1e-6, study)
again = json.loads(hedge("codes", "--ka", 8, "--kb", 8, "--n", 20, "--json").stdout)
check(again == study, "nsctc and the seed are the defaults")
plain = json.loads(hedge("codes", "--scheme", "uncoded", "--ka", 2, "--kb", 2, "--n", 4, "--json").stdout)
check(plain["delta"] == 4 and plain["cond_worst"] == 1, plain)
check("any 16 boards" in hedge("codes", "--ka", 8, "--kb", 8, "--n", 20).stdout, "text")

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a test as a processor with fewer instructions would: on_instruction_set.sh ONEDNN OPENBLAS FLAGS TEST...
# ONEDNN is a DNNL_MAX_CPU_ISA, OPENBLAS an OPENBLAS_CORETYPE, FLAGS what /proc/cpuinfo must name ("avx2 fma") for both:
# OpenBLAS takes a core's code whether the processor has its instructions or not. Where one is missing, a skip (77).
set -eu
onednn=$1 openblas=$2 flags=$3
shift 3
have=$(sed -n 's/^flags[^:]*: *//p' /proc/cpuinfo | head -n 1)
for flag in $flags; do
    case " $have " in
    *" $flag "*) ;;
    *)
        echo "this processor has no $flag, which $onednn and OpenBLAS's $openblas need"
        exit 77
        ;;
    esac
done
export DNNL_MAX_CPU_ISA="$onednn" OPENBLAS_CORETYPE="$openblas"
exec "$@"

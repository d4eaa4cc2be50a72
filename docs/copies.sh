#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# copies.sh check|update SOURCE_ROOT [COPY MADE]...: are the committed copies what the programs print? Make them so.
action=$1
root=$2
shift 2
status=0
if [ $# -lt 2 ]; then
        echo "nothing was generated here"
        exit 77
fi
while [ $# -gt 1 ]; do
        if cmp -s "$root/$1" "$2"; then
                :
        elif [ "$action" = update ]; then
                mkdir -p "$(dirname "$root/$1")"
                cp "$2" "$root/$1" && echo "$1 updated"
        else
                diff -u "$root/$1" "$2" | head -20
                echo "$1 is not what the program prints: run 'ninja update-copies' in the build folder"
                status=1
        fi
        shift 2
done
exit $status

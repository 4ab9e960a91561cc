#!/usr/bin/env bash
# Runs every fuzz target at once, each for FUZZTIME (1m). An input that breaks one
# is kept by Go in testdata/fuzz beside it: commit it with the fix, it is a test from then on.
#
#   FUZZTIME=10m scripts/fuzz.sh
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
running=()
while IFS=: read -r file declaration; do
    target=$(sed -E 's/^func (Fuzz[A-Za-z0-9]+)\(.*/\1/' <<<"$declaration")
    # One worker each: they share the processors with one another. Making an input smaller
    # takes a minute where the code takes two ways at random: without the bound
    # nothing else is tried.
    go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-1m}" -fuzzminimizetime 20x -parallel 1 >"$work/$target" 2>&1 &
    running+=("$!:$target")
done < <(grep -rH --include='*_test.go' -E '^func Fuzz[A-Za-z0-9]+\(f \*testing\.F\)' ./*/ | sed 's#^\./##')
[ "${#running[@]}" -gt 0 ] || { echo "There is no fuzz target." >&2; exit 1; }

status=0
for entry in "${running[@]}"; do
    if wait "${entry%%:*}"; then
        echo "ok    ${entry#*:}  $(grep -E '^fuzz: elapsed' "$work/${entry#*:}" | tail -1)"
    else
        status=1
        echo "FAIL  ${entry#*:}"
        cat "$work/${entry#*:}"
    fi
done
exit "$status"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests situ-draw: the same seed gives the same bytes, another seed different ones; names, labels and
# kinds agree; a large photo has the size of a camera's file; wrong usage is refused.
#
#   test_draw.sh SITU-DRAW

set -eu -o pipefail

draw=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/situ-draw.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'FAIL: %s\n' "$1" >&2
    exit 1
}

"$draw" --count 24 --seed 5 --size 64-128 --out "$work/a" --labels "$work/a.tsv"
"$draw" --count 24 --seed 5 --size 64-128 --out "$work/b"
"$draw" --count 24 --seed 6 --size 64-128 --out "$work/c"
diff -r "$work/a" "$work/b" || fail "the same seed gave other pictures"
for picture in "$work"/a/*.jpg; do
    ! cmp -s "$picture" "$work/c/${picture##*/}" || fail "another seed gave the same ${picture##*/}"
done

"$draw" --list-kinds | sort >"$work/kinds"
cut -f 2 "$work/a.tsv" | sort -u | diff "$work/kinds" - || fail "not every kind was drawn"
while IFS=$'\t' read -r file kind; do
    [ -s "$work/a/$file" ] || fail "$file is labelled, but does not exist"
    [ "${file%-*}" = "$kind" ] || fail "$file is labelled $kind"
done <"$work/a.tsv"

"$draw" --count 2 --kind sea --folders --size 64x48 --out "$work/d"
[ -s "$work/d/sea/sea-00001.jpg" ] || fail "--folders made no folder"

"$draw" --count 1 --kind clouds --large --out "$work/large"
size=$(stat -c %s "$work/large/clouds-00000.jpg")
if [ "$size" -lt 3500000 ] || [ "$size" -gt 4500000 ]; then
    fail "a large photo has $size bytes"
fi

for wrong in '--size 5x5' '--size 90-10' '--size 100' '--count -1' '--kind cat' '--no-such' 'word'; do
    status=0
    # The words are split on purpose.
    # shellcheck disable=SC2086
    "$draw" --out "$work/e" $wrong 2>"$work/message" || status=$?
    [ $status -eq 2 ] || fail "'$wrong' ended with status $status"
    [ -s "$work/message" ] || fail "'$wrong' was refused without a message"
done

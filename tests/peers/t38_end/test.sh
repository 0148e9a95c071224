#!/bin/sh
# A page goes from one end to the other, with nothing between them.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/a" "$dir/b"
"$OUT/t38_end" send "$dir/sent.tif" <"$dir/a" >"$dir/a.out" &
sender=$!
"$OUT/t38_end" receive "$dir/got.tif" <"$dir/b" >"$dir/b.out" &
receiver=$!
exec 3>"$dir/a" 4>"$dir/b"
port() { until grep -q '^port ' "$1"; do sleep 0.05; done; awk '/^port /{print $2}' "$1"; }
echo "to $(port "$dir/b.out")" >&3
echo "to $(port "$dir/a.out")" >&4
wait $sender
wait $receiver
tail -n 1 "$dir/a.out" "$dir/b.out"
test "$(tail -n 1 "$dir/a.out")" = "$(tail -n 1 "$dir/b.out")"

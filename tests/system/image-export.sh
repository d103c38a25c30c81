#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is exported is what was imported, holes included; damage, a lost client
# and a token that is too small.  No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq cmp qemu-img

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": 0, "http": 0}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"
state=$TEST_DIR/state
: > "$TEST_DIR/ready"
"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
  > "$TEST_DIR/ready" 2>> "$TEST_DIR/server.log" < /dev/null &
server=$!
at_exit 'stop "$server"'
wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
export SLIPWAY_SERVER=https://127.0.0.1:$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
export SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
url=$SLIPWAY_SERVER/api/v1
token=$(cat "$state/admin-token")
api () { curl -sS --cacert "$SLIPWAY_CA" -H "Authorization: Bearer $token" "$@"; }
slipway () { "$run" slipway "$@"; }

image=$TEST_DIR/image
{ head -c 5000000 /dev/urandom; seq 300000; } > "$image"
truncate -s 600M "$image"
head -c 3000000 /dev/urandom | dd of="$image" bs=1M seek=300 conv=notrunc status=none
slipway image import disk "$image" > /dev/null 2>&1
slipway image export disk "$TEST_DIR/out" > "$TEST_DIR/log" 2>&1
is "$? $(cat "$TEST_DIR/log")" "0 " "an image is exported"
ok "and is what was imported" cmp "$image" "$TEST_DIR/out"
slipway image export --format qcow2 disk "$TEST_DIR/out.qcow2" > "$TEST_DIR/log" 2>&1
is "$? $(cat "$TEST_DIR/log")" "0 " "as qcow2 too"
ok "which QEMU finds without fault" qemu-img check -q "$TEST_DIR/out.qcow2"
ok "and identical" qemu-img compare -q -f raw -F qcow2 "$image" "$TEST_DIR/out.qcow2"
ok "its holes are holes" [ "$(du -k "$TEST_DIR/out" | cut -f1)" -lt 40000 ]
is "$(api "$url/images/disk/content" | sha256sum)" "$(sha256sum < "$image")" "without frames it is the same bytes"
head -c 777 "$image" > "$TEST_DIR/small"
slipway image import --kind blob blob "$TEST_DIR/small" > /dev/null 2>&1
slipway image export blob "$TEST_DIR/out" > /dev/null 2>&1
ok "a blob of odd length too" cmp "$TEST_DIR/small" "$TEST_DIR/out"
is "$(api "$url/audit?limit=1000" | jq -r '[.items[] | select(.action == "GET /api/v1/images/{id}/content")] | length')" 4 "each export is in the audit log"

api -H 'Content-Type: application/json' "$url/tokens" --data '{"name": "op", "scope": "operator"}' | jq -r .token > "$TEST_DIR/op-token"
SLIPWAY_TOKEN_FILE=$TEST_DIR/op-token slipway image export disk "$TEST_DIR/refused" > "$TEST_DIR/log" 2>&1
is $? 5 "an operator may not"
not_ok "and gets no file" test -e "$TEST_DIR/refused"
slipway image export nothing "$TEST_DIR/refused" > /dev/null 2>&1
is $? 3 "an image that is not there is said"
slipway image export --format vhdx disk "$TEST_DIR/refused" > /dev/null 2>&1
is $? 2 "another format is refused"

# A client that goes away ends its worker.
api --limit-rate 1M --max-time 1 "$url/images/disk/content" > /dev/null 2>&1
ok "a lost client ends its worker" timeout 20 sh -c 'while pgrep -P "$1" -f "worker export" > /dev/null; do :; done' sh "$server"

# Damage: no file, and the sentence of the worker.
object=$(find "$state/objects" -type f -size +500k | head -n 1)
chmod u+w "$object"
printf x | dd of="$object" bs=1 seek=1000 conv=notrunc status=none
slipway image export disk "$TEST_DIR/damaged" > "$TEST_DIR/log" 2>&1
is $? 1 "a damaged image is not exported"
like "$(cat "$TEST_DIR/log")" "$(basename "$object").*damaged" "what is damaged is named"
not_ok "and there is no file" test -e "$TEST_DIR/damaged"
is "$(find "$TEST_DIR" -maxdepth 1 -name '*.part')" "" "nor half of one"
like "$(cat "$TEST_DIR/log")" "image 'disk@1' was not exported: bytes [0-9]+ to [0-9]+ cannot.*importing the same content again" \
  "with image, place and what to do"
rm "$object"
slipway image export disk "$TEST_DIR/damaged" > "$TEST_DIR/log" 2>&1
like "$(cat "$TEST_DIR/log")" "bytes [0-9]+ to [0-9]+ .*object $(basename "$object") is not in the store.*mends it" "so is one that is gone"
slipway image import disk "$image" > /dev/null 2>&1
root=$(api "$url/images/disk" | jq -r .index_root)
chmod u+w "$state/index/${root:0:2}/$root"
printf x | dd of="$state/index/${root:0:2}/$root" bs=1 seek=40 conv=notrunc status=none
slipway image export disk "$TEST_DIR/damaged" > "$TEST_DIR/log" 2>&1
like "$(cat "$TEST_DIR/log")" "image 'disk@2' was not exported: index file $root is damaged; importing the same content again mends it" \
  "and the index"
done_testing

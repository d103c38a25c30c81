#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# An export goes on where it was: after lost connections, after kill -9 of the
# server and of the command itself; and what is damaged or of another revision
# never gets into the file.  No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq cmp qemu-img

configure () { # TLS PORT
  cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": $1, "http": 0}}
JSON
}
configure 0
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"
start_server () {
  : > "$TEST_DIR/ready"
  "$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
    > "$TEST_DIR/ready" 2>> "$TEST_DIR/server.log" < /dev/null &
  server=$!
  wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
}
at_exit 'stop "$server"'
start_server
port=$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
configure "$port" # the same again after the kill
url=https://127.0.0.1:$port/api/v1
token=$(cat "$TEST_DIR/state/admin-token")
export SLIPWAY_SERVER=https://127.0.0.1:$port SLIPWAY_CA=$TEST_DIR/state/site/ca.pem
export SLIPWAY_TOKEN_FILE=$TEST_DIR/state/admin-token
api () { curl -sS --cacert "$SLIPWAY_CA" -H "Authorization: Bearer $token" "$@"; }
slipway () { "$run" slipway "$@"; }
begins () { api "$url/audit?limit=1000" | jq -r '.items[] | select(.action == "GET /api/v1/images/{id}/content") | .detail.offset_bytes' | tail -n "$1" | tr '\n' ' '; }
parts () { find "$TEST_DIR" -maxdepth 1 -name "$1.*.part"; }

image=$TEST_DIR/image
truncate -s 400M "$image"
for at in 0 150 300; do head -c 32M /dev/urandom | dd of="$image" bs=1M seek=$at conv=notrunc status=none; done
slipway image import disk "$image" > /dev/null 2>&1

# ---- connections that are cut, again and again ----

"$top_srcdir/tests/lib/cutting-relay" "$port" 10000000 20000000 > "$TEST_DIR/relay" &
at_exit "stop $!"
wait_line "$TEST_DIR/relay" '^[0-9]' 10
cut=https://127.0.0.1:$(head -n 1 "$TEST_DIR/relay")
SLIPWAY_SERVER=$cut slipway image export disk "$TEST_DIR/out" > "$TEST_DIR/log" 2>&1
is "$? $(cat "$TEST_DIR/log")" "0 " "an export goes on by itself when its connections are cut"
ok "three of them were" [ "$(grep -c cut "$TEST_DIR/relay")" -ge 3 ]
ok "and is what was imported" cmp "$image" "$TEST_DIR/out"
ok "with holes" [ "$(du -k "$TEST_DIR/out" | cut -f1)" -lt 120000 ]
like "$(begins 1)" '^[1-9]' "the last part began where the one before was cut"
"$top_srcdir/tests/lib/cutting-relay" "$port" 10000000 30000000 > "$TEST_DIR/relay2" &
at_exit "stop $!"
wait_line "$TEST_DIR/relay2" '^[0-9]' 10
cut=https://127.0.0.1:$(head -n 1 "$TEST_DIR/relay2")
SLIPWAY_SERVER=$cut slipway image export --format qcow2 disk "$TEST_DIR/out.qcow2" > "$TEST_DIR/log" 2>&1
is "$? $(cat "$TEST_DIR/log")" "0 " "so does one as qcow2"
ok "which QEMU finds without fault" qemu-img check -q "$TEST_DIR/out.qcow2"
ok "and identical" qemu-img compare -q -f raw -F qcow2 "$image" "$TEST_DIR/out.qcow2"

# ---- the server is killed, the command is killed ----

# begin FILE [OPTION...]: an export that is stopped after its first pieces.
begin () {
  local file=$1 part; shift
  rm -f "$TEST_DIR/$file"
  "$run" slipway image export "$@" disk "$TEST_DIR/$file" > "$TEST_DIR/log" 2>&1 &
  job=$!
  until part=$(parts "$file") && [ -n "$part" ] && [ "$(stat -c %s "$part")" -gt 20000000 ]; do
    kill -0 "$job" || bail "the export ended early: $(cat "$TEST_DIR/log")"
  done
  # A function in the background would not be the command itself.
  kill -STOP "$job"
}
begin out
slipway image export disk "$TEST_DIR/out" > "$TEST_DIR/second" 2>&1
is $? 4 "a second export into the same file is refused"
like "$(cat "$TEST_DIR/second")" 'written by another export' "with the reason"
{ kill -9 "$server"; wait "$server"; } 2> /dev/null
start_server
kill -CONT "$job"
wait "$job"
is "$? $(cat "$TEST_DIR/log")" "0 " "an export outlives kill -9 of its server"
ok "and is right" cmp "$image" "$TEST_DIR/out"

begin out
{ kill -9 "$job"; wait "$job"; } 2> /dev/null
not_ok "a killed export leaves no file of that name" test -e "$TEST_DIR/out"
slipway image export disk "$TEST_DIR/out" > "$TEST_DIR/log" 2>&1
is "$? $(cat "$TEST_DIR/log")" "0 " "given again it succeeds"
like "$(begins 1)" '^[1-9]' "and goes on where it was"
ok "and is right" cmp "$image" "$TEST_DIR/out"
is "$(parts out)" "" "nothing is left lying about"

# What a power cut did to the file of the killed one is found.
begin out
{ kill -9 "$job"; wait "$job"; } 2> /dev/null
head -c 4096 /dev/zero | dd of="$(parts out)" bs=1 seek=5000000 conv=notrunc status=none
slipway image export disk "$TEST_DIR/out" > "$TEST_DIR/log" 2>&1
is $? 1 "bytes of an earlier command that are wrong now are found"
like "$(cat "$TEST_DIR/log")" 'earlier, interrupted export is damaged' "and said"
not_ok "there is no file then" test -e "$TEST_DIR/out"
is "$(parts out)" "" "and the part is gone"

# Another revision has another part.
begin out
{ kill -9 "$job"; wait "$job"; } 2> /dev/null
head -c 30M /dev/urandom > "$TEST_DIR/next"
slipway image import disk "$TEST_DIR/next" > /dev/null 2>&1
slipway image export disk "$TEST_DIR/out" > "$TEST_DIR/log" 2>&1
is "$? $(cat "$TEST_DIR/log")" "0 " "the next revision is exported"
ok "without a byte of the part of the one before" cmp "$TEST_DIR/next" "$TEST_DIR/out"
slipway image export disk@1 "$TEST_DIR/out" > "$TEST_DIR/log" 2>&1
like "$(begins 1)" '^[1-9]' "which the one before goes on with"
ok "and is right" cmp "$image" "$TEST_DIR/out"

# ---- Range ----

content=$url/images/disk@1/content
api -r 157300000-157400000 -D "$TEST_DIR/head" "$content" > "$TEST_DIR/range"
like "$(head -n 1 "$TEST_DIR/head")" ' 206 ' "a range is a part"
like "$(tr -d '\r' < "$TEST_DIR/head")" 'Content-Range: bytes 157300000-157400000/419430400' "that says which one"
tail -c +157300001 "$image" | head -c 100001 > "$TEST_DIR/wanted"
ok "of the right bytes, from the middle of a chunk" cmp "$TEST_DIR/wanted" "$TEST_DIR/range"
etag=$(tr -d '\r' < "$TEST_DIR/head" | sed -n 's/^ETag: //pI')
api -r -1000 -H "If-Range: $etag" "$content" | cmp - <(tail -c 1000 "$image") &&
  pass "the end of what is still the same" || fail "the end of what is still the same"
is "$(api -r 100- -H 'If-Range: "other"' -o /dev/null -w '%{http_code} %{size_download}' "$content")" "200 419430400" \
  "everything when it is something else"
is "$(api -r 419430400- -o /dev/null -w '%{http_code}' "$content")" 416 "nothing behind the end"
head -c 200000000 "$image" > "$TEST_DIR/curl"
api -C - -o "$TEST_DIR/curl" "$content"
ok "curl goes on with it too" cmp "$image" "$TEST_DIR/curl"
is "$(api -o /dev/null -w '%{http_code}' "$content?offset=5")" 422 "an offset needs frames"
is "$(api -o /dev/null -w '%{http_code}' "$content?framed=true&offset=419430401")" 422 "inside of the image"
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The HTTP port of a real server with curl: objects by digest, ranges and
# resuming, what is not there, and a transport that is disabled, replaced and
# killed while a transfer runs.  No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq sha256sum

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": 0, "http": 0}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"
"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
  > "$TEST_DIR/ready" 2> "$TEST_DIR/server.log" < /dev/null &
server=$!
at_exit 'stop "$server"'
wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
port=$(sed -n 's/.*http=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
export SLIPWAY_SERVER=127.0.0.1:$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
export SLIPWAY_TOKEN_FILE=$TEST_DIR/state/admin-token SLIPWAY_CA=$TEST_DIR/state/site/ca.pem
wait_line "$TEST_DIR/server.log" 'worker unicast is ready' 20
url=http://127.0.0.1:$port

# An object as an import leaves it.
head -c 4000000 /dev/urandom > "$TEST_DIR/object"
name=$(sha256sum "$TEST_DIR/object"); name=${name%% *}
mkdir -p "$TEST_DIR/state/objects/${name:0:2}"
cp "$TEST_DIR/object" "$TEST_DIR/state/objects/${name:0:2}/$name"
# A transport that is just starting asks to come again.
get () { curl -sS --retry 20 --retry-delay 1 "$@"; }
same () { cmp -s "$TEST_DIR/object" "$TEST_DIR/got"; }

get -o "$TEST_DIR/got" "$url/objects/$name"
ok "an object arrives as it is" same
head -c 1000000 "$TEST_DIR/object" > "$TEST_DIR/got"
get -C - -o "$TEST_DIR/got" "$url/objects/$name"
ok "what was begun is resumed" same
head=$(get -I "$url/objects/$name")
like "$head" 'Content-Length: 4000000' "HEAD tells the length"
like "$head" 'immutable' "and that it never changes"
is "$(get -o "$TEST_DIR/body" -w '%{http_code}' -H "If-None-Match: \"$name\"" "$url/objects/$name")" 304 \
  "a cache that has it keeps it"
is "$(curl -s -o /dev/null -w '%{http_code}' "$url/objects/${name:0:63}g")" 404 "what is not a digest"
is "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$url/objects/$name")" 405 "nothing can be changed"
is "$(curl -s -o /dev/null -w '%{http_code}' --path-as-is "$url/objects/../site/ca.pem")" 404 \
  "no way out of the folder"
is "$(curl -s -o /dev/null -w '%{http_code}' "$url/boot/nothing")" 404 "an unknown boot file"

# What becomes of a boot file is told, as it is of TFTP.
"$run" slipway event follow --json > "$TEST_DIR/events" 2> "$TEST_DIR/follow.log" < /dev/null &
at_exit "stop $!"
timeout 20 sh -c "until grep -q transfer-done '$TEST_DIR/events'; do curl -s -o '$TEST_DIR/boot' '$url/boot/local-x64.efi'; done"
is "$(jq -r 'select(.event == "transfer-done") | "\(.name) \(.address) \(.bytes_done)"' "$TEST_DIR/events" | head -n 1)" \
  "local-x64.efi 127.0.0.1 $(stat -c %s "$TEST_DIR/boot")" "a boot file that was sent is told"

# slow: a transfer of about three seconds in the background, begun when it returns.
slow () {
  rm -f "$TEST_DIR/got"
  curl -sS --limit-rate 1300k -o "$TEST_DIR/got" "$url/objects/$name" 2> "$TEST_DIR/curl.log" &
  transfer=$!
  until [ -s "$TEST_DIR/got" ]; do kill -0 $transfer || break; done
}
slow
ok "the transport is disabled while a transfer runs" "$run" slipway plugin disable transport unicast
wait $transfer
ok "which ends whole" same
is "$(get -o "$TEST_DIR/body" -w "%{http_code}" "$url/objects/$name")" 404 "afterwards there is nothing"
"$run" slipway plugin enable transport unicast > /dev/null
get --retry-all-errors --fail -o "$TEST_DIR/got" "$url/objects/$name" 2> /dev/null
ok "enabled again it serves" same
slow
ok "it is enabled once more, which replaces its worker" "$run" slipway plugin enable transport unicast
wait $transfer
ok "and what ran ends whole" same
kill -9 "$("$run" slipway status --json | jq -r '.workers[] | select(.name == "unicast") | .pid' | tail -n 1)"
get --retry-all-errors --fail -o "$TEST_DIR/got" "$url/objects/$name" 2> /dev/null
ok "a killed worker comes back" same
like "$("$run" slipway event list)" 'worker-died' "and an event tells"
done_testing

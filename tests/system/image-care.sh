#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# Verifying names one flipped bit wherever it is; collecting frees what nothing
# names and nothing else, while images are imported, and when it is killed.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": 0, "http": 0}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"
state=$TEST_DIR/state
start_server () {
  : > "$TEST_DIR/ready"
  "$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
    > "$TEST_DIR/ready" 2>> "$TEST_DIR/server.log" < /dev/null &
  server=$!
  wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
  export SLIPWAY_SERVER=https://127.0.0.1:$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
  url=$SLIPWAY_SERVER/api/v1
}
at_exit 'stop "$server"'
start_server
export SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
token=$(cat "$state/admin-token")
api () { curl -sS --cacert "$SLIPWAY_CA" -H "Authorization: Bearer $token" "$@"; }
slipway () { "$run" slipway "$@"; }
import () { slipway image import "$@" > "$TEST_DIR/import.out" 2>&1 || diag "$(cat "$TEST_DIR/import.out")"; }
get () { api "$url/images/$1" | jq -r ".$2"; }
flip () { # FILE: one bit in its middle, which is put back by flipping it again
  local at=$(($(stat -c %s "$1") / 2)) byte
  chmod u+w "$1"
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  printf "\\x$(printf %x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
# As if everything had been there for an hour.
age () { find "$state/objects" "$state/index" "$state/manifests" -type f -exec touch -d '1 hour ago' {} +; }
files () { find "$state/objects" "$state/index" "$state/manifests" -type f | wc -l; }

head -c 12M /dev/urandom > "$TEST_DIR/one"
{ head -c 5M "$TEST_DIR/one"; head -c 7M /dev/urandom; } > "$TEST_DIR/two"
import one "$TEST_DIR/one"
import two "$TEST_DIR/two"

# ---- verify ----

slipway image verify --all > "$TEST_DIR/out" 2>&1
is "$? $(cat "$TEST_DIR/out")" "0 2 images are whole" "images are whole"
slipway image verify > /dev/null 2>&1
is $? 2 "verify wants names or --all"
slipway image verify nothing > "$TEST_DIR/out" 2>&1
is $? 3 "an image that is not there is said"

damaged () { # FILE WHAT PATTERN: the flipped file is found by all, and then mended by hand
  flip "$1"
  slipway image verify one > "$TEST_DIR/out" 2>&1
  is $? 1 "a flipped bit in $2 is found"
  like "$(cat "$TEST_DIR/out")" "one@1: $3.*$(basename "$1")" "$2: image, place and file are named"
  flip "$1"
}
root=$(get one index_root)
manifest=$(get one manifest)
page=$(find "$state/index" -type f -newermt '1 minute ago' ! -name "$root" ! -name "$(get two index_root)" -printf '%T@ %p\n' | sort -n | head -n 1 | cut -d' ' -f2)
object=$(find "$state/objects" -type f -printf '%T@ %p\n' | sort -n | head -n 1 | cut -d' ' -f2)
damaged "$object" "an object" "bytes [0-9]+ to [0-9]+: object"
damaged "$page" "an index page" "bytes 0 to 12582912: index file"
damaged "$state/index/${root:0:2}/$root" "the index root" "bytes 0 to 0: index file"
damaged "$state/manifests/${manifest:0:2}/$manifest" "the manifest" "bytes 0 to 0: manifest"
signature=$state/manifests/${manifest:0:2}/$manifest.sig
flip "$signature"
slipway image verify one > "$TEST_DIR/out" 2>&1
is $? 1 "a flipped bit in the signature is found"
flip "$signature"
flip "$object"
import one "$TEST_DIR/one"
slipway image verify --all > "$TEST_DIR/out" 2>&1
is $? 0 "importing the same content again mends a damaged object"
like "$(api "$url/events/list?limit=1000" | jq -r '.items[] | select(.event == "image-damaged") | .message')" 'damaged' "damage is an event"

# ---- gc ----

before=$(files)
age
slipway image gc > "$TEST_DIR/out" 2>&1
like "$(cat "$TEST_DIR/out")" '^freed 0 B in 0 files' "what images name is kept"
is "$(files)" "$before" "all of it"

delete () {
  local etag
  etag=$(api -D - -o /dev/null "$url/images/$1" | sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p')
  is "$(api -o /dev/null -w '%{http_code}' -X DELETE -H "If-Match: $etag" "$url/images/$1")" 204 "$1 is deleted"
}
delete two
slipway image gc --dry-run > "$TEST_DIR/out" 2>&1
like "$(cat "$TEST_DIR/out")" '^would free 7\.[0-9] MiB in [0-9]+ files' "a dry run tells what would be freed"
is "$(files)" "$before" "and frees nothing"
find "$state/objects" -type f -exec touch {} +
slipway image gc > "$TEST_DIR/out" 2>&1
like "$(cat "$TEST_DIR/out")" ', [1-9][0-9]* are too new' "what is new stays for now"
age
slipway image gc > "$TEST_DIR/out" 2>&1
like "$(cat "$TEST_DIR/out")" '^freed 7\.[0-9] MiB' "what nothing names is freed"
slipway image verify --all > /dev/null 2>&1
is $? 0 "what others share is kept"

# An index that cannot be read ends it before anything is removed.
delete one@2
age
flip "$state/index/${root:0:2}/$root"
before=$(files)
slipway image gc > "$TEST_DIR/out" 2>&1
is $? 1 "with a damaged index nothing is collected"
like "$(cat "$TEST_DIR/out")" 'nothing is removed' "and the sentence says so"
is "$(files)" "$before" "not a file"
flip "$state/index/${root:0:2}/$root"

# ---- while images are imported, from objects that are about to go ----

slipway image gc > /dev/null 2>&1
for round in 1 2 3; do
  import again "$TEST_DIR/two"
  delete again
  age
  : > "$TEST_DIR/collecting"
  while [ -e "$TEST_DIR/collecting" ]; do slipway image gc > /dev/null 2>&1; done &
  collector=$!
  import kept-"$round" "$TEST_DIR/two"
  rm "$TEST_DIR/collecting"
  wait "$collector"
  slipway image verify "kept-$round" > "$TEST_DIR/out" 2>&1
  is $? 0 "round $round: an image of old objects, imported while they are collected, is whole"
  delete "kept-$round"
done

# ---- killed ----

import two "$TEST_DIR/two"
care () { api -H 'Content-Type: application/json' "$url/care" --data "$1"; }
truncate -s 3G "$TEST_DIR/holes"
head -c 200M /dev/urandom | dd of="$TEST_DIR/holes" conv=notrunc status=none
import large "$TEST_DIR/holes"
id=$(care '{"kind": "verify"}' | jq -r .id)
is "$(care '{"kind": "collect"}' | jq -r .status)" 409 "one at a time"
kill -9 "$(pgrep -P "$server" -f 'worker care')"
until [ "$(api "$url/care/$id" | jq -r .state)" != running ]; do :; done
is "$(api "$url/care/$id" | jq -r .state)" failed "a killed worker is a failure"
like "$(api "$url/care/$id" | jq -r .problem.detail)" 'signal 9' "that says what happened"
id=$(care '{"kind": "verify"}' | jq -r .id)
is "$(api -o /dev/null -w '%{http_code}' -X DELETE "$url/care/$id")" 204 "it can be ended"
is "$(api "$url/care/$id" | jq -r .state)" ended "and is"

delete two
age
name=$(basename "$object")
mkdir -p "$state/objects/tmp"
mv "$object" "$state/objects/tmp/$name.gone" # where a collector was killed
care '{"kind": "collect"}' > /dev/null
{ kill -9 "$server"; wait "$server"; } 2> /dev/null
start_server
slipway image verify --all > "$TEST_DIR/out" 2>&1
is $? 0 "kill -9 in the middle of collecting damages nothing"
ok "what had lost its name has it back" test -e "$object"
is "$(find "$state" -name '*.gone' | wc -l)" 0 "and nothing is left lying about"
done_testing

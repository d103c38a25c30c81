#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Images through REST and a real import worker: revisions, what is refused, and
# what stays after kill -9.  No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": 0, "http": 0}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"

start_server () {
  : > "$TEST_DIR/ready"
  "$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
    > "$TEST_DIR/ready" 2>> "$TEST_DIR/server.log" < /dev/null &
  server=$!
  wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
  url=https://127.0.0.1:$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")/api/v1
}
at_exit 'stop "$server"'
start_server
token=$(cat "$TEST_DIR/state/admin-token")
api () {
  curl -sS --cacert "$TEST_DIR/state/site/ca.pem" -H "Authorization: Bearer $token" "$@"
}
export SLIPWAY_SERVER=${url%/api/v1} SLIPWAY_CA=$TEST_DIR/state/site/ca.pem SLIPWAY_TOKEN_FILE=$TEST_DIR/state/admin-token
# import NAME FILE [OPTIONS]: prints the image's id, or what the command says.
import () {
  if "$run" slipway image import --json "$@" > "$TEST_DIR/import.json" 2> "$TEST_DIR/import.err"
  then jq -r .id "$TEST_DIR/import.json"; else cat "$TEST_DIR/import.err"; fi
}
# refused MEMBERS: the status of an upload that is not begun.
refused () { status -H 'Content-Type: application/json' "$url/uploads" --data "$1"; }
objects () { find "$TEST_DIR/state/objects" -type f | wc -l; }
status () { api -o /dev/null -w '%{http_code}' "$@"; }

# Noise, the same again, text, a hole.
image=$TEST_DIR/image
head -c 3000000 /dev/urandom > "$image"
cat "$image" >> "$TEST_DIR/twice" && cat "$TEST_DIR/twice" >> "$image"
seq 200000 >> "$image"
truncate -s 16M "$image"

is "$(import debian-12 "$image")" debian-12@1 "an image is imported, as the first revision"
count=$(objects)
is "$(import debian-12 "$image")" debian-12@2 "the same again is the second"
is "$(objects)" "$count" "and takes no further objects"
is "$(api "$url/images/debian-12" | jq -r .contents.revision)" 2 "a name means its newest revision"
is "$(api "$url/images/debian-12@1" | jq -r .contents.size_bytes)" 16777216 "name@revision means that one"
is "$(api "$url/images?limit=1" | jq -r .next)" debian-12@1 "the list has pages"
is "$(api "$url/images?limit=1&after=debian-12@1" | jq -r '.items[0].id')" debian-12@2 "and goes on"

is "$(import blob "$TEST_DIR/slipwayd.json" --kind blob)" blob@1 "a blob may have any length"
like "$(import odd "$TEST_DIR/slipwayd.json")" 'no multiple of its sectors of 512' "a disk image may not"
is "$(refused '{"name": "x", "size_bytes": 512, "kind": "files"}')" 422 "kinds that are not there are refused"
is "$(refused '{"name": "x", "size_bytes": 512, "sector_bytes": 1000}')" 422 "so are odd sectors"
is "$(refused '{"name": "Upper", "size_bytes": 512}')" 422 "and names with capitals"

api -N "$url/events" > "$TEST_DIR/events" 2> /dev/null &
at_exit "stop $!"

# The file changes while the command line sends it.
truncate -s 1G "$TEST_DIR/changing"
"$run" slipway image import changing "$TEST_DIR/changing" > "$TEST_DIR/changing.out" 2>&1 &
client=$!
wait_line "$TEST_DIR/events" '"image-import".*changing' 20
echo more >> "$TEST_DIR/changing"
wait "$client"
is $? 1 "a file that changes meanwhile is not imported"
like "$(cat "$TEST_DIR/changing.out")" 'changed while it was being sent' "and the sentence says so"
is "$(api "$url/uploads" | jq '[.items[] | select(.name == "changing")] | length')" 0 "the upload is given up"
is "$(status "$url/images/changing")" 404 "and keeps nothing of it"

# A deleted revision's number is never used again.
is "$(status -X DELETE "$url/images/debian-12@2")" 428 "deleting needs If-Match"
etag=$(api -D - -o /dev/null "$url/images/debian-12@2" | sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p')
is "$(status -X DELETE -H "If-Match: $etag" "$url/images/debian-12@2")" 204 "a revision is deleted"
is "$(status "$url/images/debian-12@2")" 404 "and gone"
is "$(import debian-12 "$image")" debian-12@3 "the next one has a new number"

# kill -9: what was acknowledged is there, what was half is swept away.
: > "$TEST_DIR/state/objects/tmp/left.tmp"
: > "$TEST_DIR/state/index/$(ls "$TEST_DIR/state/index" | head -n 1)/left.tmp"
{ kill -9 "$server"; wait "$server"; } 2> /dev/null
start_server
is "$(api "$url/images" | jq -r '[.items[].id] | join(" ")')" \
  "blob@1 debian-12@1 debian-12@3" "images survive kill -9"
is "$(find "$TEST_DIR/state" -name '*.tmp' | wc -l)" 0 "temporary files do not"

# A flipped bit in a manifest is named, not believed.
manifest=$(api "$url/images/blob" | jq -r .manifest)
file=$TEST_DIR/state/manifests/${manifest:0:2}/$manifest
chmod u+w "$file"
sed -i 's/"revision":1/"revision":9/' "$file"
like "$(api "$url/images/blob")" "$manifest is damaged" "a changed manifest is found and named"

done_testing

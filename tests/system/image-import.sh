#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Images through REST and a real import worker: revisions, and what cut-off,
# killed and impossible imports leave.  No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq prlimit

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
# import NAME FILE [CURL ARGS]: prints the reply, then its status.
import () {
  local name=$1 file=$2; shift 2
  api -X POST -T "$file" -H 'Content-Type: application/octet-stream' \
    -w '\n%{http_code}\n' "$@" "$url/images/$name"
}
objects () { find "$TEST_DIR/state/objects" -type f | wc -l; }
status () { api -o /dev/null -w '%{http_code}' "$@"; }

# Noise, the same again, text, a hole.
image=$TEST_DIR/image
head -c 3000000 /dev/urandom > "$image"
cat "$image" >> "$TEST_DIR/twice" && cat "$TEST_DIR/twice" >> "$image"
seq 200000 >> "$image"
truncate -s 16M "$image"

reply=$(import debian-12 "$image")
is "$(tail -n 1 <<< "$reply")" 201 "an image is imported"
is "$(head -n 1 <<< "$reply" | jq -r .id)" debian-12@1 "it is the first revision"
count=$(objects)
reply=$(import debian-12 "$image")
is "$(head -n 1 <<< "$reply" | jq -r .id)" debian-12@2 "the same again is the second"
is "$(objects)" "$count" "and takes no further objects"
is "$(api "$url/images/debian-12" | jq -r .contents.revision)" 2 "a name means its newest revision"
is "$(api "$url/images/debian-12@1" | jq -r .contents.size_bytes)" 16777216 "name@revision means that one"
is "$(api "$url/images?limit=1" | jq -r .next)" debian-12@1 "the list has pages"
is "$(api "$url/images?limit=1&after=debian-12@1" | jq -r '.items[0].id')" debian-12@2 "and goes on"

reply=$(import 'blob?kind=blob' "$TEST_DIR/slipwayd.json")
is "$(tail -n 1 <<< "$reply")" 201 "a blob may have any length"
reply=$(import odd "$TEST_DIR/slipwayd.json")
is "$(tail -n 1 <<< "$reply")" 422 "a disk image may not"
like "$reply" 'no multiple of its sectors of 512' "and the sentence says so"
is "$(import 'x?kind=files' "$image" | tail -n 1)" 422 "kinds that are not there are refused"
is "$(import 'x?sector_bytes=1000' "$image" | tail -n 1)" 422 "so are odd sectors"
is "$(import 'Upper' "$image" | tail -n 1)" 422 "and names with capitals"

# Events tell how an import ended when nobody is there to be told.
api -N "$url/events" > "$TEST_DIR/events" 2> /dev/null &
at_exit "stop $!"

# The sender goes away: half of the body is all there ever is.
import cut "$image" --limit-rate 4M --max-time 1 > /dev/null 2>&1
ok "a cut-off upload is told" wait_line "$TEST_DIR/events" 'image-failed.*cut.*ended after' 20
is "$(status "$url/images/cut")" 404 "and leaves no image"

# The file changes while the command line sends it.
truncate -s 1G "$TEST_DIR/changing"
export SLIPWAY_SERVER=${url%/api/v1} SLIPWAY_CA=$TEST_DIR/state/site/ca.pem SLIPWAY_TOKEN_FILE=$TEST_DIR/state/admin-token
"$run" slipway image import changing "$TEST_DIR/changing" > "$TEST_DIR/changing.out" 2>&1 &
client=$!
wait_line "$TEST_DIR/events" '"image-import".*changing' 20
echo more >> "$TEST_DIR/changing"
wait "$client"
is $? 1 "a file that changes meanwhile is not imported"
like "$(cat "$TEST_DIR/changing.out")" 'changed while it was being sent' "and the sentence says so"
is "$(api "$url/uploads" | jq '[.items[] | select(.name == "changing")] | length')" 0 "the upload is given up"
is "$(status "$url/images/changing")" 404 "and keeps nothing of it"

# The worker is killed.
import killed "$image" --limit-rate 8M > "$TEST_DIR/killed" 2>&1 &
client=$!
wait_line "$TEST_DIR/events" '"image-import".*killed|killed.*"image-import"' 20
kill -9 "$(pgrep -P "$server" -f 'worker import')"
wait "$client"
is "$(tail -n 1 "$TEST_DIR/killed")" 500 "a killed import is an error"
like "$(cat "$TEST_DIR/killed")" 'signal 9' "that says what happened"
is "$(status "$url/images/killed")" 404 "and leaves no image"

# The disk of the server is full: files cannot grow.
head -c 4M /dev/urandom > "$TEST_DIR/noise"
prlimit --pid "$server" --fsize=900000:
reply=$(import full "$TEST_DIR/noise")
prlimit --pid "$server" --fsize=unlimited:
is "$(tail -n 1 <<< "$reply")" 507 "a full disk is an error"
like "$reply" 'disk of the object store is full' "that says what to do"
is "$(status "$url/images/full")" 404 "and leaves no image"
is "$(import full "$TEST_DIR/noise" | tail -n 1)" 201 "with room it is imported"

# A deleted revision's number is never used again.
is "$(status -X DELETE "$url/images/debian-12@2")" 428 "deleting needs If-Match"
etag=$(api -D - -o /dev/null "$url/images/debian-12@2" | sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p')
is "$(status -X DELETE -H "If-Match: $etag" "$url/images/debian-12@2")" 204 "a revision is deleted"
is "$(status "$url/images/debian-12@2")" 404 "and gone"
is "$(import debian-12 "$image" | head -n 1 | jq -r .id)" debian-12@3 "the next one has a new number"

# kill -9: what was acknowledged is there, what was half is swept away.
: > "$TEST_DIR/state/objects/tmp/left.tmp"
: > "$TEST_DIR/state/index/$(ls "$TEST_DIR/state/index" | head -n 1)/left.tmp"
{ kill -9 "$server"; wait "$server"; } 2> /dev/null
start_server
is "$(api "$url/images" | jq -r '[.items[].id] | join(" ")')" \
  "blob@1 debian-12@1 debian-12@3 full@1" "images survive kill -9"
is "$(find "$TEST_DIR/state" -name '*.tmp' | wc -l)" 0 "temporary files do not"

# A flipped bit in a manifest is named, not believed.
manifest=$(api "$url/images/full" | jq -r .manifest)
file=$TEST_DIR/state/manifests/${manifest:0:2}/$manifest
chmod u+w "$file"
sed -i 's/"revision":1/"revision":9/' "$file"
like "$(api "$url/images/full")" "$manifest is damaged" "a changed manifest is found and named"

done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Images in pieces: every format gives the same image, and neither lost
# connections nor kill -9 at any point lose what was sent or make a wrong image.
# No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq qemu-img prlimit

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
  port=$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
  url=https://127.0.0.1:$port/api/v1
}
kill_server () { { kill -9 "$server"; wait "$server"; } 2> /dev/null; }
at_exit 'stop "$server"'
start_server
configure "$port" # the same again after each kill
token=$(cat "$TEST_DIR/state/admin-token")
export SLIPWAY_SERVER=https://127.0.0.1:$port SLIPWAY_CA=$TEST_DIR/state/site/ca.pem
export SLIPWAY_TOKEN_FILE=$TEST_DIR/state/admin-token
api () {
  curl -sS --cacert "$TEST_DIR/state/site/ca.pem" -H "Authorization: Bearer $token" "$@"
}
slipway () { "$run" slipway "$@"; }
root_of () { api "$url/images/$1" | jq -r .index_root; }
# upload NAME FILE [JSON MEMBERS]: begins one and prints its id.
upload () {
  api -H 'Content-Type: application/json' "$url/uploads" \
    --data "{\"name\": \"$1\", \"size_bytes\": $(stat -c %s "$2")${3:+, $3}}" | jq -r .id
}
# piece ID FILE OFFSET LENGTH [CURL ARGS]: prints the reply, then its status.
piece () {
  local id=$1 file=$2 offset=$3 length=$4; shift 4
  tail -c +$((offset + 1)) "$file" | head -c "$length" > "$TEST_DIR/piece"
  api -X PUT -T "$TEST_DIR/piece" -H 'Content-Type: application/octet-stream' \
    -w '\n%{http_code}\n' "$@" "$url/uploads/$id?offset=$offset"
}
get () { api "$url/uploads/$1" | jq -r "$2"; }
settle () { # waits until an upload is over, prints its state
  local state
  until state=$(get "$1" .state); [ "$state" = done ] || [ "$state" = failed ]; do :; done
  echo "$state"
}

image=$TEST_DIR/image
{ head -c 9000000 /dev/urandom; seq 300000; } > "$image"
truncate -s 24M "$image"
size=$(stat -c %s "$image")
seq 100 | dd of="$image" bs=1M seek=20 conv=notrunc status=none

# ---- formats ----

slipway image import raw "$image" > "$TEST_DIR/out" 2>&1 || diag "$(cat "$TEST_DIR/out")"
raw=$(root_of raw)
for kind in qcow2: qcow2:compat=0.10 qcow2:compression_type=zstd vhdx:subformat=dynamic vhdx:subformat=fixed \
  vmdk:subformat=monolithicSparse vmdk:subformat=streamOptimized; do
  format=${kind%%:*} option=${kind#*:}
  compress=; [ "$option" != compression_type=zstd ] || compress=-c
  qemu-img convert -q -O "$format" ${option:+-o "$option"} $compress "$image" "$TEST_DIR/converted"
  slipway image import --format "$format" other "$TEST_DIR/converted" > "$TEST_DIR/out" 2>&1 ||
    diag "$(cat "$TEST_DIR/out")"
  is "$(root_of other)" "$raw" "$kind gives the index of the raw image"
done
slipway image import guessed "$TEST_DIR/converted" > "$TEST_DIR/out" 2>&1
is $? 2 "a file of another format without --format is a question"
like "$(cat "$TEST_DIR/out")" 'looks like a vmdk file' "that says what it looks like"

qemu-img create -q -f qcow2 -F raw -b "$image" "$TEST_DIR/backed"
slipway image import --format qcow2 backed "$TEST_DIR/backed" > "$TEST_DIR/out" 2>&1
is $? 1 "a file that needs a backing file is refused"
like "$(cat "$TEST_DIR/out")" 'backing file' "and the sentence says so"
truncate -s 300000 "$TEST_DIR/converted"
slipway image import --format vmdk cut "$TEST_DIR/converted" > "$TEST_DIR/out" 2>&1
like "$(cat "$TEST_DIR/out")" 'cut off' "a file that was cut off is refused"
is "$(api -o /dev/null -w '%{http_code}' "$url/images/cut")" 404 "and leaves no image"
is "$(ls "$TEST_DIR/state/uploads")" "" "uploads that are over leave no files"

# ---- pieces ----

id=$(upload pieces "$image")
is "$(get "$id" .offset_bytes)" 0 "an upload begins at 0"
is "$(piece "$id" "$image" 0 5000000 | tail -n 1)" 200 "a piece is taken"
is "$(get "$id" .offset_bytes)" 5000000 "and the offset moves"
reply=$(piece "$id" "$image" 4000000 1000)
is "$(tail -n 1 <<< "$reply")" 409 "a piece for another place is a conflict"
like "$reply" 'at byte 5000000' "that says where the upload is"
head -c 17M /dev/zero > "$TEST_DIR/much"
is "$(piece "$id" "$TEST_DIR/much" 0 17825792 | tail -n 1)" 413 "a piece of 17 MiB is too large"
head -c 16M "$TEST_DIR/much" > "$TEST_DIR/much16"
is "$(api -X PUT -T "$TEST_DIR/much16" -H 'Content-Type: application/octet-stream' -o /dev/null -w '%{http_code}' \
  "$url/uploads/$id?offset=16777216")" 422 "a piece that ends behind the end is refused"
is "$(api -o /dev/null -w '%{http_code}' -X DELETE "$url/uploads/$id")" 204 "an upload is given up"
is "$(api -o /dev/null -w '%{http_code}' "$url/uploads/$id")" 404 "and gone"

# The image is what is wrong: said with the piece, not after everything.
id=$(upload wrong "$TEST_DIR/converted" '"format": "qcow2"')
reply=$(piece "$id" "$TEST_DIR/converted" 0 300000)
is "$(settle "$id")" failed "what is no qcow2 fails"
like "$(get "$id" .problem.detail)" 'not a qcow2 file' "with the reason"
reply=$(piece "$id" "$TEST_DIR/converted" 0 1000)
like "$(tail -n 1 <<< "$reply")" '^(500|422)$' "and a piece after that is refused"

# The worker dies: the piece that is on its way is heard to its end, which is
# 16 MiB at most, and answered; the upload goes on.
api -N "$url/events" > "$TEST_DIR/events" 2> /dev/null &
events=$!
id=$(upload killed "$image")
piece "$id" "$image" 0 16777216 --limit-rate 8M > "$TEST_DIR/killed" 2>&1 &
sender=$!
wait_line "$TEST_DIR/events" 'image-import.*killed' 20
kill -9 "$(pgrep -P "$server" -f 'worker import')"
wait "$sender"
stop "$events"
is "$(tail -n 1 "$TEST_DIR/killed")" 500 "a piece whose worker is killed is an error"
like "$(cat "$TEST_DIR/killed")" 'signal 9' "that says what happened"
is "$(get "$id" .state)" receiving "and the upload goes on"
offset=$(get "$id" .offset_bytes)
while [ "$offset" -lt "$size" ]; do
  piece "$id" "$image" "$offset" 16777216 > "$TEST_DIR/out"
  [ "$(tail -n 1 "$TEST_DIR/out")" = 200 ] || bail "$(cat "$TEST_DIR/out")"
  offset=$(get "$id" .offset_bytes)
done
is "$(settle "$id")" done "to its end"
is "$(root_of killed)" "$raw" "and the right image"

# ---- kill -9 and cut connections at random points ----

seed=${SLIPWAY_TEST_SEED:-$RANDOM}
diag "SLIPWAY_TEST_SEED=$seed"
RANDOM=$seed
for format in raw qcow2; do
  file=$image
  [ $format = raw ] || { file=$TEST_DIR/image.qcow2; qemu-img convert -O qcow2 "$image" "$file"; }
  size=$(stat -c %s "$file")
  id=$(upload "random-$format" "$file" "\"format\": \"$format\"")
  kills=0 cuts=0
  for _ in $(seq 200); do
    offset=$(get "$id" .offset_bytes)
    [ "$(get "$id" .state)" = receiving ] || break
    length=$((RANDOM * 100 + 1))
    [ $((offset + length)) -le "$size" ] || length=$((size - offset))
    case $((RANDOM % 5)) in
      0) kill_server; start_server; kills=$((kills + 1)) ;;
      1)
        piece "$id" "$file" "$offset" "$length" --limit-rate 2M > /dev/null 2>&1 &
        sender=$!
        kill_server; wait "$sender" 2> /dev/null; start_server; kills=$((kills + 1)) ;;
      2) piece "$id" "$file" "$offset" "$length" --limit-rate 3M --max-time 0.2 > /dev/null 2>&1; cuts=$((cuts + 1)) ;;
      *) piece "$id" "$file" "$offset" "$length" > /dev/null ;;
    esac
  done
  is "$(settle "$id")" done "$format: $kills kills and $cuts cuts later it is an image"
  is "$(root_of "random-$format")" "$raw" "$format: the right one"
  is "$(api "$url/images?limit=1000" | jq "[.items[] | select(.name == \"random-$format\")] | length")" 1 "$format: once"
done

# ---- the command line goes on by itself ----

head -c 160M /dev/urandom > "$TEST_DIR/large"
ours () { api "$url/uploads?limit=1000" | jq -r "[.items[] | select(.name == \"$1\")][0].$2"; }
slipway image import alone "$TEST_DIR/large" > "$TEST_DIR/out" 2>&1 &
client=$!
until [ "$(ours alone offset_bytes)" != null ] && [ "$(ours alone offset_bytes)" -gt 0 ]; do :; done
kill_server
start_server
wait "$client"
is $? 0 "a server that is killed and started again does not end an import"
diag "$(cat "$TEST_DIR/out")"

slipway image import again "$TEST_DIR/large" > "$TEST_DIR/out" 2>&1 &
client=$!
until [ "$(ours again offset_bytes)" != null ] && [ "$(ours again offset_bytes)" -gt 0 ]; do :; done
kill -9 "$client"; wait "$client" 2> /dev/null
before=$(ours again id)
slipway image import again "$TEST_DIR/large" > "$TEST_DIR/out" 2>&1
is $? 0 "the same command again goes on"
is "$(api "$url/uploads?limit=1000" | jq -r '[.items[] | select(.name == "again") | .id] | join(" ")')" "$before" "with the same upload"
is "$(root_of again)" "$(root_of alone)" "to the same image"

# ---- a full disk ----

head -c 8M /dev/urandom > "$TEST_DIR/noise"
prlimit --pid "$server" --fsize=900000:
slipway image import full "$TEST_DIR/noise" > "$TEST_DIR/out" 2>&1
is $? 1 "a full disk is an error"
like "$(cat "$TEST_DIR/out")" 'full|no room' "that says what to do"
qemu-img convert -O qcow2 "$TEST_DIR/noise" "$TEST_DIR/noise.qcow2"
slipway image import --format qcow2 full-qcow2 "$TEST_DIR/noise.qcow2" > "$TEST_DIR/out" 2>&1
like "$(cat "$TEST_DIR/out")" 'no room for the file' "another format needs room for the file first"
prlimit --pid "$server" --fsize=unlimited:
slipway image import full "$TEST_DIR/noise" > "$TEST_DIR/out" 2>&1
is $? 0 "with room the same command goes on"
slipway image import --format qcow2 full-qcow2 "$TEST_DIR/noise.qcow2" > "$TEST_DIR/out" 2>&1
is "$(root_of full-qcow2)" "$(root_of full)" "and so does the other"

# ---- what is over, in the next run of the server ----

kill_server
start_server
is "$(ours full state) $(ours full offset_bytes)" "done $(stat -c %s "$TEST_DIR/noise")" \
  "an upload that was done before a restart still shows that all was sent"

done_testing

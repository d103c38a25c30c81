#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# Plugins are disabled and enabled twenty times while real clients fetch boot
# files by TFTP and objects by HTTP, all the time and several at once.  What
# has begun arrives whole; what begins while nobody serves is refused at once
# or waits, and nothing ends half.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip

lab_up
cabled_target
server_members='"interfaces": ["br0"], "dhcp": {"netmask": "255.255.255.0", "lease_time": "1h",
  "pools": [{"first": "'$lab_network.100'", "last": "'$lab_network.199'"}]}'
server_init
server_start

# Something to fetch: an image's objects, and a boot file of 1 MB.
make_disk_image "$TEST_DIR/disk.img" 12M
import_image debian "$TEST_DIR/disk.img"
objects=($(find "$state/objects" -type f -size +64k -printf '%f\n'))
head -c 1000000 /dev/urandom > "$TEST_DIR/engine.efi"
digest=$(sha256sum < "$TEST_DIR/engine.efi" | cut -c1-64)
in_lab curl -sS --cacert "$state/site/ca.pem" -H "Authorization: Bearer $(cat "$state/admin-token")" -o /dev/null \
  -H 'Content-Type: application/octet-stream' -T "$TEST_DIR/engine.efi" "https://$lab_address:$tls_port/api/v1/engines/files/$digest"
boot=$(api POST /engines "{\"machine\": \"x86_64\", \"version\": \"1\",
  \"trust_sha256\": \"$(sha256sum < "$state/site/trust.json" | cut -c1-64)\",
  \"files\": [{\"role\": \"engine\", \"length\": 1000000, \"sha256\": \"$digest\"}]}" | jq -r '.files[0].name')
like "$boot" efi "a boot file is published"
ok "there are objects to fetch" [ ${#objects[@]} -ge 4 ]

# client NUMBER: fetches one thing after the other until $TEST_DIR/enough is
# there; says on a line of its own how each ended: "whole", "refused" (nothing
# came: no such file, no such path), or what else happened.
client () {
  local i=$1 name want url out=$TEST_DIR/got.$1
  until [ -e "$TEST_DIR/enough" ]; do
    i=$((i + 1))
    if [ $(($1 % 2)) = 0 ]; then
      name=$boot want=$digest url=tftp://$lab_address/$boot
    else
      name=${objects[i % ${#objects[@]}]} want=$name url=http://$lab_address:$http_port/objects/$name
    fi
    rm -f "$out"
    ip netns exec "$target" curl -sf --max-time 60 -o "$out" "$url" < /dev/null
    case $? in
    0) [ "$(sha256sum < "$out" | cut -c1-64)" = "$want" ] && echo whole || echo "damaged: $url" ;;
    22 | 68) [ -s "$out" ] && echo "cut off: $url" || echo refused ;;
    *) echo "curl $?: $url" ;;
    esac
  done
}
clients=()
for number in 0 1 2 3 4 5 6 7 8 9; do
  client $number > "$TEST_DIR/client.$number" &
  clients+=($!)
done
at_exit 'touch "$TEST_DIR/enough"'

# more COUNT: until so many further transfers have arrived whole.
more () {
  [ "$(grep -m "$1" -c whole < <(timeout 60 tail -q -n 0 -F "$TEST_DIR"/client.* 2> /dev/null))" = "$1" ]
}
switch () {
  status=$("${server_in[@]}" curl -sS --cacert "$state/site/ca.pem" -H "Authorization: Bearer $(cat "$state/admin-token")" \
    -X POST -o "$TEST_DIR/switch.json" -w '%{http_code}' "https://$lab_address:$tls_port/api/v1/plugins/$1/$2")
  [ "$status" = "$3" ]
}
more 10 || bail "nothing arrives before anything is switched"
failed=
for round in $(seq 20); do
  for plugin in transport/mtftp transport/unicast arch/x86-uefi; do
    switch $plugin disable 204 && switch $plugin enable 200 || failed="$plugin in round $round: $(cat "$TEST_DIR/switch.json")"
  done
  more 2 || failed="nothing arrives after round $round"
  [ -z "$failed" ] || break
done
is "$failed" "" "twenty times, transports and arch plugin go and come"
touch "$TEST_DIR/enough"
wait "${clients[@]}"
for kind in whole refused; do diag "$kind: $(cat "$TEST_DIR"/client.* | grep -c "$kind")"; done
is "$(cat "$TEST_DIR"/client.* | grep -vE '^(whole|refused)$' | sort | uniq -c)" "" "no transfer that had begun was dropped"
for number in 0 1; do
  ok "$([ $number = 0 ] && echo TFTP || echo HTTP) transfers went on between" grep -q whole <(tail -n 3 "$TEST_DIR/client.$number")
done
# The old workers have ended: one for each transport is left.
workers () { api GET /status | jq -c '[.workers[] | select(.name != "http") | .name] | sort'; }
grep -q . < <(until [ "$(workers)" = '["mtftp","unicast"]' ]; do :; done; echo)
is "$(workers)" '["mtftp","unicast"]' "and every worker that was replaced has ended"
done_testing

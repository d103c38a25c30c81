#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Plugins and engine builds through REST: enabled by digest, refused when they
# changed; files are published and served.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"
cp -r "$top_builddir/plugins-built" "$TEST_DIR/plugins"
export SLIPWAY_PLUGIN_DIR=$TEST_DIR/plugins
machine=$(ls "$TEST_DIR/plugins")
server_init
server_start

call GET /api/v1/plugins
is "$(jq -r '[.items[] | .enabled] | all' <<< "$body")" true "init enabled what is shipped, and the store is in use"
call GET /api/v1/plugins/action/install
is "$(jq -r '.items[0].params | map(.name) | index("disk") != null' <<< "$body")" true "an action tells its parameters"
call GET /api/v1/plugins/action/absent; problem not-found 404 "a plugin that is not there"
call GET /api/v1/plugins/actions/install; problem not-found 404 "a kind that is not there"
call POST /api/v1/plugins/store/sqlite/enable; problem invalid 422 "the store is not enabled here"

# Disabled, enabled.
call POST /api/v1/plugins/action/inventory/disable
is "$status" 204 "an action is disabled"
call POST /api/v1/plugins/action/inventory/disable
problem not-found 404 "which works once"
profile='{"name": "look", "steps": [{"action": "inventory"}], "then": "boot-disk"}'
send POST /api/v1/profiles "$profile"
problem invalid 422 "a profile that needs it is refused"
call POST /api/v1/plugins/action/inventory/enable
is "$status $(jq -r '.digests | keys[0]' <<< "$body")" "200 $machine" "it is enabled by its digest"
send POST /api/v1/profiles "$profile"
is "$status" 201 "now the profile is taken"
call POST /api/v1/plugins/transport/unicast/disable
is "$status" 204 "a transport is disabled"
call GET /api/v1/status
is "$(jq '[.workers[] | select(.name == "unicast" and (.draining | not))] | length' <<< "$body")" 0 "its worker ends"
call POST /api/v1/plugins/transport/unicast/enable
is "$status" 200 "and enabled"

# Changed after it was enabled.
file=$TEST_DIR/plugins/$machine/action/inventory.so
printf '\0' >> "$file"
call GET /api/v1/plugins/action/inventory
like "$(jq -r '.items[0].problem' <<< "$body")" 'not the one that was enabled' "a changed file is noticed"
stop "$slipwayd_pid"; server_start
like "$(cat "$TEST_DIR/slipwayd.log")" "upgrade-plugins" "a start with changed plugins names upgrade-plugins"
stop "$slipwayd_pid"; slipwayd_pid=
ok "which enables them again" "$run" slipwayd upgrade-plugins --config "$TEST_DIR/slipwayd.json"
: > "$TEST_DIR/slipwayd.log"; server_start
call GET /api/v1/plugins/action/inventory
is "$(jq -r '.items[0] | has("problem")' <<< "$body")" false "then all is well"
chmod g+w "$file"
call POST /api/v1/plugins/action/inventory/enable
like "$status $body" '^4.*written by others' "a file that others may write is refused"
head -c 3000 /dev/urandom > "$file"; chmod 644 "$file"
call POST /api/v1/plugins/action/inventory/enable
like "$status" '^4' "noise is refused"

# Engine builds.
call GET /api/v1/trust
is "$(sha256sum < "$TEST_DIR/body")" "$(sha256sum < "$state/site/trust.json")" "the trust file comes byte for byte"
trust=$(sha256sum < "$state/site/trust.json" | cut -c1-64)
head -c 2500000 /dev/urandom > "$TEST_DIR/engine.efi"
digest=$(sha256sum < "$TEST_DIR/engine.efi" | cut -c1-64)
upload () { call PUT "/api/v1/engines/files/$1" -T "$TEST_DIR/engine.efi" -H 'Content-Type: application/octet-stream'; }
build () { printf '{"machine": "x86_64", "version": "1", "trust_sha256": "%s", "files": [{"role": "engine", "length": %s, "sha256": "%s"}]}' "$@"; }
send POST /api/v1/engines "$(build "$trust" 2500000 "$digest")"
problem not-found 404 "a build whose file was not uploaded"
upload "${digest:0:60}0000"; problem invalid 422 "a file that is not what it says"
upload 123; problem invalid 422 "a name that is no digest"
upload "$digest"
is "$status" 201 "a file is uploaded"
is "$(find "$state/boot" -size +1M -printf '%f\n')" "$digest" "nothing is left of the other"
send POST /api/v1/engines "$(build "${trust:0:60}0000" 2500000 "$digest")"
problem invalid 422 "a build with another trust file"
send POST /api/v1/engines "$(build "$trust" 2500001 "$digest")"
problem invalid 422 "a build with a wrong length"
send POST /api/v1/engines "$(build "$trust" 2500000 "$digest")"
is "$status" 201 "a build is published"
name=$(jq -r '.files[0].name' <<< "$body")
fetch () { curl -s --retry 5 --retry-all-errors "http://127.0.0.1:$http_port/boot/$name" | sha256sum | cut -c1-64; }
is "$(fetch)" "$digest" "and served by HTTP"
server_kill; server_start
is "$(fetch)" "$digest" "also after kill -9"
server_kill
printf x | dd of="$state/boot/$digest" bs=1 seek=1000 conv=notrunc status=none
: > "$TEST_DIR/slipwayd.log"; server_start
like "$(cat "$TEST_DIR/slipwayd.log")" "boot/$digest' is damaged" "a flipped bit in it is found and named"
call GET /api/v1/engines
is "$(jq '.items | length' <<< "$body")" 0 "and it is not served"
done_testing

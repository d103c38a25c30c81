#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slipwayd's life: no site, init, start, kill -9, stop.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq openssl
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"

server_configure
config=$TEST_DIR/slipwayd.json
slipwayd () { "$run" slipwayd "$@" 2>&1; }

like "$(slipwayd run --config "$config")" "slipwayd init" \
  "without a site it refuses to start and names slipwayd init"
not_ok "and its status says so" "$run" slipwayd run --config "$config"
like "$(slipwayd check-config --config "$config")" "in order" "check-config is content"
echo '{"address": "127.0.0.1", "ports": {"tlss": 1}}' > "$TEST_DIR/bad.json"
like "$(slipwayd check-config --config "$TEST_DIR/bad.json")" "bad\.json.*\\\$\.ports\.tlss" \
  "an unknown key is named with file and path"
"$run" slipwayd fly > "$TEST_DIR/usage" 2>&1
is $? 2 "an unknown verb is a usage error"

server_init
is "$(stat -c %a "$state/admin-token" "$state/site" "$state/site/authority" \
  "$state/site/server.key" "$state/site/secret" "$state/site/signing.key" | tr '\n' ' ')" \
  "600 700 700 600 600 600 " "secrets are for one user only"
before=$(find "$state" -type f -exec sha256sum {} + | sort | sha256sum)
like "$(slipwayd init --config "$config")" "nothing was changed" "a second init refuses"
is "$(find "$state" -type f -exec sha256sum {} + | sort | sha256sum)" "$before" \
  "and changes nothing"

# What the certificates say.
cd "$state/site" || bail "no site"
ok "the chain is whole" openssl verify -CAfile ca.pem -untrusted server.pem -purpose sslserver server.pem
not_ok "the engines' intermediate is for clients only" openssl verify -CAfile ca.pem -purpose sslserver authority/engine-ca.pem
like "$(openssl x509 -in server.pem -noout -ext subjectAltName)" \
  "URI:slipway:server:$(jq -r .server_id site.json).*IP Address:127.0.0.1" "the leaf names the server"
dates=$(for f in ca.pem server.pem authority/engine-ca.pem authority/server-ca.pem; do
  openssl x509 -in "$f" -noout -startdate; done | sort -u | wc -l)
is "$dates" 1 "all certificates begin at the same time"
pin=$(openssl x509 -in ca.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64)
is "$(jq -r '.ca_pins[0]' trust.json)" "$pin" "the trust file pins the root"
is "$(jq '[.ca_pins, .signing_keys] | map(unique | length) | add' trust.json)" 4 \
  "two pins and two signing keys, all different"
cd "$TEST_DIR" || exit 1

server_start
call GET /api/v1/status
is "$status $(jq -r '.store + " " + (.workers | map(.name) | index("http") | tostring)' <<< "$body")" \
  "200 ok 0" "it serves, with its workers"
not_ok "TLS 1.2 is refused" curl -s --tls-max 1.2 --cacert "$state/site/ca.pem" "https://127.0.0.1:$tls_port/"
ok "a client certificate is asked for" grep -q 'Acceptable client certificate CA names' \
  <(openssl s_client -connect "127.0.0.1:$tls_port" -CAfile "$state/site/ca.pem" < /dev/null 2> /dev/null)

send POST /api/v1/hosts '{"name": "kept", "macs": ["52:54:00:00:00:01"]}'
is "$status" 201 "a host is made"
server_kill
server_start
call GET /api/v1/hosts/kept
is "$status" 200 "what was acknowledged survives kill -9"
kill "$slipwayd_pid"
wait "$slipwayd_pid"
is $? 0 "SIGTERM ends it with status 0"
slipwayd_pid=

# Notices.
tampered=$TEST_DIR/audit.saved
cp "$state/audit.log" "$tampered"
sed -i '2s/"number":2/"number":9/' "$state/audit.log"
like "$(slipwayd run --config "$config")" "audit.log.*line 2" \
  "a changed audit log stops the start and names the line"
cp "$tampered" "$state/audit.log"
head -c 40 /dev/urandom > "$state/site/secret"
like "$(slipwayd run --config "$config")" "secret" "a damaged site file is named"
done_testing

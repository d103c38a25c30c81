#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Malformed and oversized HTTP on the TLS port: each gets a clear status or
# nothing, and the server goes on.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq openssl
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"
server_init
server_start

# raw TEXT: the first line of the reply to these bytes inside TLS.
raw () {
  { printf '%b' "$1"; cat "${2:-/dev/null}"; } |
    timeout 10 openssl s_client -quiet -ign_eof -connect "127.0.0.1:$tls_port" 2> /dev/null | head -n 1 | tr -d '\r'
}
alive () { call GET /api/v1/status; [ "$status" = 200 ]; }

head -c 4096 /dev/urandom > "$TEST_DIR/noise"
raw '' "$TEST_DIR/noise" > /dev/null
ok "noise inside TLS does no harm" alive
head -c 4096 /dev/urandom | timeout 5 curl -s -m 5 --data-binary @- "telnet://127.0.0.1:$tls_port" > /dev/null 2>&1
ok "noise instead of TLS does no harm" alive

like "$(raw 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n')" '404|405' "an unknown method"
like "$(raw 'GET / HTTP/9.9\r\nHost: x\r\n\r\n')" '^(HTTP/1.1 (4|5)[0-9][0-9].*)?$' "an unknown version"
like "$(raw 'GET /api/v1/status\r\n\r\n')" '^(HTTP/1.1 (4|5)[0-9][0-9].*)?$' "no version"
like "$(raw 'GET /%00%01%ff HTTP/1.1\r\nHost: x\r\n\r\n')" 404 "control bytes in the path"
like "$(raw 'POST /api/v1/hosts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n')" '(400|401)' "a negative length"
like "$(raw 'POST /api/v1/hosts HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n')" '(400|401|413)' "a length beyond all numbers"

long=$(head -c 2000 /dev/zero | tr '\0' a)
call GET "/api/v1/$long"
problem malformed 400 "a path that is too long"
long=$(head -c 45000 /dev/zero | tr '\0' a)
call GET /api/v1/status -H "X-One: $long" -H "X-Two: $long"
like "$status" '(400|413|431)' "headers that are too long"
many=(); for i in $(seq 60); do many+=(-H "X-$i: 1"); done
call GET /api/v1/status "${many[@]}"
problem malformed 400 "too many headers"
query=$(printf '&a%s=1' $(seq 40))
call GET "/api/v1/hosts?$query"
problem malformed 400 "too many query arguments"
deep=$(printf '[%.0s' $(seq 5000))
send POST /api/v1/hosts "$deep"; problem malformed 400 "JSON that is nested too deeply"
send POST /api/v1/hosts "$(printf '{"name": "\xff\xfe"}')"; problem malformed 400 "JSON that is not UTF-8"

# Clients that promise a body and do not send it, or leave in the middle.
pids=()
for i in $(seq 20); do
  { printf 'POST /api/v1/hosts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{' "$token"
    tail -f /dev/null; } 2> /dev/null |
    timeout 20 openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$tls_port" > /dev/null 2>&1 &
  pids+=($!)
done
ok "others are served beside them" alive
kill "${pids[@]}" 2> /dev/null
ok "and after they have left" alive
curl -sN --max-time 1 --cacert "$state/site/ca.pem" -H "Authorization: Bearer $token" \
  "https://127.0.0.1:$tls_port/api/v1/events" > /dev/null
ok "a follower of events may leave" alive
ok "it is the same process all the time" kill -0 "$slipwayd_pid"
not_ok "nothing was logged as an error" grep -q ' error: ' "$TEST_DIR/slipwayd.log"
done_testing

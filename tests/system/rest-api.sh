#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The rules that all of REST keeps: tokens, problems, ETags, paging,
# Idempotency-Key, audit and events.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"
server_init
server_start
host () { printf '{"name": "%s", "macs": ["52:54:00:00:%s"]}' "$1" "$2"; }

# Who may.
saved=$(cat "$state/admin-token")
token=wrong; call GET /api/v1/hosts
problem unauthorised 401 "a wrong token is refused"
like "$headers" 'WWW-Authenticate: Bearer' "and told how to come back"
token=$saved
send POST /api/v1/tokens '{"name": "eyes", "scope": "viewer"}'
is "$status" 201 "a token is made"
eyes=$(jq -r .token <<< "$body") eyes_id=$(jq -r .id <<< "$body")
call GET /api/v1/tokens
is "$(jq '[.items[] | has("token") or has("hash")] | any' <<< "$body")" false "lists do not show tokens"
token=$eyes
call GET /api/v1/hosts
is "$status" 200 "a viewer sees"
send POST /api/v1/hosts "$(host a 00:01)"
problem forbidden 403 "a viewer does not change"
token=$saved
call DELETE "/api/v1/tokens/$eyes_id"
is "$status" 204 "the token is revoked"
token=$eyes; call GET /api/v1/hosts
problem unauthorised 401 "and no longer good"
token=$saved
send POST /api/v1/tokens '{"name": "old", "scope": "admin", "expires_s": 1000}'
token=$(jq -r .token <<< "$body"); call GET /api/v1/hosts
problem unauthorised 401 "an expired token is refused"
token=$saved

# What is wrong.
call GET /api/v1/nothing; problem not-found 404 "an unknown path"
call GET '/api/v1/hosts/..%2f..%2fstatus'; problem not-found 404 "a path with an encoded slash"
call PUT /api/v1/hosts; problem method-not-allowed 405 "another method"
like "$headers" 'Allow: GET, POST' "the right ones are named"
call POST /api/v1/hosts --data '{}'; problem unsupported-media-type 415 "a form is no JSON"
send POST /api/v1/hosts '{"name": '; problem malformed 400 "half a JSON text"
send POST /api/v1/hosts '{"name": "a", "name": "b"}'; problem malformed 400 "a key twice"
send POST /api/v1/hosts '{"name": "a", "colour": "red"}'; problem invalid 422 "an unknown key"
like "$body" colour "which is named"
send POST /api/v1/hosts '{"name": "a", "macs": ["zz"]}'; problem invalid 422 "a value that does not fit"
like "$body" 'macs\[0\]' "its path is named"
call GET '/api/v1/hosts?colour=red'; problem malformed 400 "an unknown query argument"
call GET '/api/v1/hosts?limit=0'; problem malformed 400 "a limit out of range"
head -c 100000 /dev/zero | tr '\0' ' ' > "$TEST_DIR/big"
send POST /api/v1/hosts "@$TEST_DIR/big"; problem too-large 413 "a body that is too long"
send POST /api/v1/hosts '{}' -H 'Transfer-Encoding: chunked'
problem length-required 411 "a body without a length"

# ETags.
send POST /api/v1/hosts "$(host a 00:01)"
is "$status" 201 "a host is made"
first=$(etag)
send PATCH /api/v1/hosts/a '{"labels": {"room": "1"}}'
problem precondition-required 428 "a change needs If-Match"
send PATCH /api/v1/hosts/a '{"labels": {"room": "1"}}' -H "If-Match: $first"
is "$status" 200 "with it the change is made"
send PATCH /api/v1/hosts/a '{"labels": {"room": "2"}}' -H "If-Match: $first"
problem precondition-failed 412 "a stale one is refused"
send PATCH /api/v1/hosts/a '{"labels": {"room": "2"}}' -H 'If-Match: "x"'
problem precondition-failed 412 "so is one that is none of ours"
send POST /api/v1/hosts "$(host a 00:02)"; problem conflict 409 "a name is given once"
like "$body" "there is a host 'a' already" "as the answer says"
send POST /api/v1/hosts "$(host b 00:01)"; problem conflict 409 "so is an address"
like "$body" "host 'a' already has the MAC address 52:54:00:00:00:01" "whose holder is named"
call DELETE /api/v1/hosts/a -H 'If-Match: *'
is "$status" 204 "a host is deleted"

# Idempotency-Key.
send POST /api/v1/hosts "$(host once 00:03)" -H 'Idempotency-Key: k-1'
first=$body first_etag=$(etag)
send POST /api/v1/hosts "$(host once 00:03)" -H 'Idempotency-Key: k-1'
is "$status $body $(etag)" "201 $first $first_etag" "the same key and body give the same reply"
send POST /api/v1/hosts "$(host twice 00:04)" -H 'Idempotency-Key: k-1'
problem idempotency-mismatch 422 "another body does not"
server_kill; server_start
send POST /api/v1/hosts "$(host once 00:03)" -H 'Idempotency-Key: k-1'
is "$status $body" "201 $first" "also after kill -9"
send POST /api/v1/hosts "$(host once 00:03)" -H 'Idempotency-Key: k-2'
problem conflict 409 "a failed request"
send POST /api/v1/hosts "$(host fresh 00:05)" -H 'Idempotency-Key: k-2'
is "$status" 201 "leaves its key free"

# Paging.
for i in 1 2 3 4 5; do send POST /api/v1/hosts "$(host "page-$i" "01:0$i")"; done
seen=0 after=
while :; do
  call GET "/api/v1/hosts?limit=2${after:+&after=$after}"
  seen=$((seen + $(jq '.items | length' <<< "$body")))
  after=$(jq -r '.next // empty' <<< "$body")
  [ -n "$after" ] || break
done
call GET /api/v1/hosts
is "$seen" "$(jq '.items | length' <<< "$body")" "pages make up the whole list"

# Audit.
call GET '/api/v1/audit?limit=1000'
is "$(jq '[.items[].number] == [range(1; (.items | length) + 1)]' <<< "$body")" true "the audit log is in order"
is "$(jq '[.items[] | select(.action == "POST /api/v1/hosts")] | length' <<< "$body")" 8 \
  "each host made is in it once"
is "$(wc -l < "$state/audit.log")" "$(jq '.items | length' <<< "$body")" "and in the file"
like "$(jq -r '.items[-1].actor' <<< "$body")" "token 'first-admin'" "with who did it"

# Events.
curl -sN --max-time 20 --cacert "$state/site/ca.pem" -H "Authorization: Bearer $token" \
  -H 'Last-Event-ID: 0' "https://127.0.0.1:$tls_port/api/v1/events" > "$TEST_DIR/events" &
follower=$!
at_exit 'kill $follower 2> /dev/null'
wait_line "$TEST_DIR/events" '^event: server-started' 10 || diag "$(cat "$TEST_DIR/events")"
pass "what was missed comes again"
send POST /api/v1/tokens '{"name": "noise", "scope": "viewer"}'
ok "what happens comes at once" wait_line "$TEST_DIR/events" '^event: token-created' 10
like "$(grep -A2 '^event: token-created' "$TEST_DIR/events" | sed -n 's/^data: //p')" '"number":[0-9]+' "as JSON"
call GET /api/v1/events/list
is "$(jq -r '.items[-1].event' <<< "$body")" token-created "the list has it too"

# Every problem is explained.
call GET /api/v1/problems
is "$(jq '[.items[] | (.meaning | length) > 20 and (.remedy | length) > 20] | all' <<< "$body")" true "problems are explained"
call GET /api/v1/problems/conflict
is "$status $(jq -r .status <<< "$body")" "200 409" "one by one"
call GET /api/v1/problems/conflict -H 'Accept: text/html,application/xml;q=0.9,*/*;q=0.8'
like "$headers" '^[Cc]ontent-[Tt]ype: text/html' "a browser gets a page"
like "$body" '<h1>Conflict \(conflict, status 409\)</h1>' "with the title"
call GET /api/v1/problems/conflict -H 'Accept: text/plain'
like "$headers" "^[Cc]ontent-[Tt]ype: text/plain" "a terminal gets plain text"
like "$body" "^What to do: " "with what to do"
call GET /api/v1/problems/nothing; problem not-found 404 "an unknown problem"
saved=$token token=none; call GET /api/v1/problems/conflict; token=$saved
is "$status" 200 "no token is needed to read why it is refused"
done_testing

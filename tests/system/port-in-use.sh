#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A server that is started while workers of one that was killed still hold its
# port waits for them; one whose port somebody keeps says so and ends.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires python3

# hold: somebody listens on a port of the kernel's choice; sets $port.
start_logged holder python3 -u -c '
import signal, socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
signal.pause()'
holder=$started
wait_line "$TEST_DIR/holder.log" '^[0-9]' 20 || bail "nobody listens"
port=$(head -n 1 "$TEST_DIR/holder.log")

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": $port, "http": 0}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"

"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/kept" 2>&1 < /dev/null
is $? 1 "a port that somebody keeps ends the server"
like "$(cat "$TEST_DIR/kept")" "port $port for HTTPS cannot be opened" "which names it"

"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/ready" 2> "$TEST_DIR/server.log" < /dev/null &
at_exit "stop $!"
ok "a port that is still in use is waited for" wait_line "$TEST_DIR/server.log" "port $port for HTTPS is still in use" 20
stop "$holder"
ok "and taken once it is free" wait_line "$TEST_DIR/ready" "^ready tls=$port " 20
done_testing

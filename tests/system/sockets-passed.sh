#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 60
# slipwayd takes the sockets that systemd has opened for it, and refuses with
# a sentence what it cannot use.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires curl jq python3

server_members='"dhcp": {"mode": "proxy"}'
server_init

# passed NAME=TYPE...: slipwayd with these sockets of free ports, as
# sd_listen_fds(3) says; the ports are in $TEST_DIR/ports.
cat > "$TEST_DIR/pass" <<'END'
import os, socket, sys
out, names, command = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
kept = []
for pair in names:
    kept.append(socket.socket(socket.AF_INET, getattr(socket, "SOCK_" + pair.split("=")[1])))
    kept[-1].bind(("127.0.0.1", 0))
open(out, "w").write(" ".join("%s=%d" % (p.split("=")[0], s.getsockname()[1]) for p, s in zip(names, kept)))
high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(kept)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)),
                  LISTEN_FDNAMES=":".join(p.split("=")[0] for p in names))
os.execvp(command[0], command)
END
passed () {
  : > "$TEST_DIR/slipwayd.out"
  SLIPWAY_PLUGIN_DIR=$top_builddir/plugins-built python3 "$TEST_DIR/pass" "$TEST_DIR/ports" "$*" "$run" slipwayd run \
    --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/slipwayd.out" 2> "$TEST_DIR/slipwayd.log" < /dev/null &
  slipwayd_pid=$!
}

passed https=STREAM http=STREAM dhcp=DGRAM pxe=DGRAM tftp=DGRAM
ok "with five sockets passed it starts" wait_line "$TEST_DIR/slipwayd.out" '^ready' 30
read -r https http dhcp pxe tftp < <(sed 's/[a-z]*=//g' "$TEST_DIR/ports"; echo)
is "$(grep ^ready "$TEST_DIR/slipwayd.out")" "ready tls=$https http=$http dhcp=$dhcp pxe=$pxe tftp=$tftp" "and serves on these"
ok "HTTPS is served there" curl -fsS --cacert "$state/site/ca.pem" "https://127.0.0.1:$https/api/v1/schemas" -o /dev/null \
  -H "Authorization: Bearer $(cat "$state/admin-token")"
server_stop

# fails_with PATTERN NAME=TYPE...
fails_with () {
  local pattern=$1
  shift
  passed "$@"
  wait "$slipwayd_pid"
  slipwayd_pid=
  like "$(cat "$TEST_DIR/slipwayd.log")" "$pattern" "refused: $*"
}
fails_with "'ssh' that was passed is not used: the names are" https=STREAM ssh=STREAM
fails_with "'http' that was passed is not used" http=STREAM http=STREAM
fails_with "'dhcp' that was passed is no IPv4 UDP socket" dhcp=STREAM
fails_with "LISTEN_FDNAMES does not name as many" =STREAM
done_testing

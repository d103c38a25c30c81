# SPDX-License-Identifier: Apache-2.0
# What every shell test uses: TAP, clean-up that also runs after a failure,
# waiting for events, and starting Slipway's programs of the build tree.
#
#   . "${top_srcdir:-.}/tests/lib/functions.sh"
#   requires curl jq
#   ok "the server answers" curl -fs "$url"
#   is "$(cat file)" expected "the file holds it"
#   done_testing

set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
top_builddir=${top_builddir:-$PWD}
TEST_DIR=${TEST_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/slipway-test.XXXXXX")}
SLIPWAY_CACHE=${SLIPWAY_CACHE:-$top_srcdir/.cache}
run=$top_builddir/run

tap_count=0
tap_failed=0
tap_done=
exit_commands=()

# Runs COMMAND when the test ends, the last one first.
at_exit () { exit_commands=("$*" "${exit_commands[@]}"); }

run_exit_commands () {
  local status=$? command
  trap - EXIT
  for command in "${exit_commands[@]}"; do eval "$command"; done
  if [ -z "$tap_done" ] && [ $status -ne 77 ]; then
    echo "Bail out! the test ended in the middle (status $status)"
    status=1
  fi
  [ $status -ne 0 ] || [ "$tap_failed" -eq 0 ] || status=1
  exit $status
}
trap run_exit_commands EXIT
trap 'exit 130' INT TERM HUP

diag () { printf '%s\n' "$*" | sed 's/^/# /' >&2; }

# pass NAME, fail NAME [WHY]
pass () { tap_count=$((tap_count + 1)); echo "ok $tap_count - $1"; }
fail () {
  tap_count=$((tap_count + 1)) tap_failed=$((tap_failed + 1))
  echo "not ok $tap_count - $1"
  [ $# -lt 2 ] || diag "$2"
}

# ok NAME COMMAND...: the command succeeds.  not_ok: it fails.  It runs in this
# shell, so that a function may leave variables behind.
ok () {
  local name=$1; shift
  if "$@" > "$TEST_DIR/ok.out" 2>&1; then pass "$name"
  else fail "$name" "$* gave status $?: $(tail -n 30 "$TEST_DIR/ok.out")"; fi
}
not_ok () {
  local name=$1; shift
  if "$@" > "$TEST_DIR/ok.out" 2>&1; then fail "$name" "$* succeeded: $(tail -n 30 "$TEST_DIR/ok.out")"
  else pass "$name"; fi
}
# is GOT WANTED NAME; like TEXT PATTERN NAME (extended regular expression)
is () {
  if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "got '$1', wanted '$2'"; fi
}
like () {
  if printf '%s' "$1" | grep -Eq -- "$2"; then pass "$3"; else fail "$3" "'$1' does not match '$2'"; fi
}
done_testing () { echo "1..$tap_count"; tap_done=1; [ "$tap_failed" -eq 0 ]; }
bail () { echo "Bail out! $*"; tap_done=1; exit 1; }

# Ends the test as skipped.  A missing tool on a machine that must have all of
# them is a failure.
skip_all () {
  tap_done=1
  if [ -n "${SLIPWAY_REQUIRE_ALL:-}" ]; then
    echo "1..1"; echo "not ok 1 - must not be skipped here: $*"; exit 1
  fi
  echo "1..0 # SKIP $*"; exit 0
}
# Ends the test as skipped where that is right: only for tests that
# tests/lib/skips names with their reason.
skip_expected () {
  grep -q "^$(basename "$0") " "$top_srcdir/tests/lib/skips" || skip_all "$*"
  tap_done=1
  echo "1..0 # SKIP $*"
  exit 0
}
requires () {
  local tool
  for tool in "$@"; do
    command -v "$tool" > /dev/null || skip_all "$tool is not installed"
  done
}
requires_root () { [ "$(id -u)" -eq 0 ] || skip_all "needs root"; }
requires_cache () {
  local name
  for name in "$@"; do
    [ -e "$SLIPWAY_CACHE/$name" ] || skip_all "$name is not in the cache (run ./autogen.sh check as root)"
  done
}

# requires_plugin KIND NAME: that this build has it.
requires_plugin () {
  compgen -G "$top_builddir/plugins-built/*/$1/$2.so" > /dev/null ||
    skip_all "the plugin $2 is not part of this build"
}

# wait_line FILE PATTERN SECONDS: until a line of the file matches.
wait_line () {
  : >> "$1"
  grep -E -m 1 -q -- "$2" < <(timeout "$3" tail -n +1 -F "$1" 2> /dev/null)
}
# wait_gone PID SECONDS: until the process has ended.
wait_gone () { timeout "$2" tail --pid="$1" -f /dev/null; }
# json FILE-OR-TEXT FILTER
json () { if [ -e "$1" ]; then jq -er "$2" "$1"; else jq -er "$2" <<< "$1"; fi; }

# stop PID: ends a process that this test started, and waits for it.
stop () {
  kill "$1" 2> /dev/null || return 0
  wait_gone "$1" 15 || kill -9 "$1"
  wait "$1" 2> /dev/null || true
}

# start_logged NAME COMMAND...: in the background, output in $TEST_DIR/NAME.log,
# ended with the test.  Sets $started to its process id.
start_logged () {
  local name=$1; shift
  "$@" > "$TEST_DIR/$name.log" 2>&1 < /dev/null &
  started=$!
  at_exit "stop $started"
}

# SPDX-License-Identifier: Apache-2.0
# One whole deployment, power-on to login, seen from outside: what the demo
# shows and what the tests of whole machines check.  Source functions.sh,
# lab.sh and site.sh first; needs a site that is up, with engine and image.

# deploy_vendor_action: builds the SDK's template outside of the tree against
# the installed SDK, and puts it where an admin would.
deploy_vendor_action () {
  local pc
  cp -r "$top_srcdir/sdk/template/action" "$TEST_DIR/vendor" && chmod -R u+w "$TEST_DIR/vendor" || return 1
  pc=$site_prefix/lib/pkgconfig
  (cd "$TEST_DIR/vendor" && PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$site/root make -s hello.so) || return 1
  install -m 755 "$TEST_DIR/vendor/hello.so" "$SLIPWAY_PLUGIN_DIR/x86_64/action/hello.so"
}

# deploy_profile [ACTION]: a profile that inventories, runs a further action,
# and installs with this run's random host name and marker, which are read
# later at the login prompt.
deploy_profile () {
  deploy_name=host-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
  deploy_marker=marker-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
  local further=
  [ $# -eq 0 ] || further="{\"action\": \"$1\"},"
  cat > "$TEST_DIR/profile.json" <<EOF
{
  "name": "debian",
  "match": {"arch": ["x86-$lab_firmware"]},
  "transport": ["unicast"],
  "steps": [
    {"action": "inventory"}, $further
    {"action": "install", "with": {"image": "debian-12", "disk": {"select": "smallest", "min": "1 GiB"},
                                   "hostname": "{{host.name}}", "marker": "$deploy_marker"}}
  ],
  "then": "boot-disk"
}
EOF
  if slipway profile show debian > /dev/null 2>&1; then
    slipway profile replace "$TEST_DIR/profile.json"
  else
    slipway profile add "$TEST_DIR/profile.json"
  fi
}

# deploy_kexec_profile: the same, and the installed kernel may be entered at once.
deploy_kexec_profile () {
  deploy_profile || return 1
  jq '. + {kexec: true}' "$TEST_DIR/profile.json" > "$TEST_DIR/kexec.json" &&
    slipway profile replace "$TEST_DIR/kexec.json"
}

# deploy_disk FILE: an empty disk.
deploy_disk () { rm -f "$1"; truncate -s 2G "$1"; }

# deploy_start: starts the task; sets $deploy_task and $deploy_batch.
deploy_start () {
  slipway task start debian --hosts "$deploy_name" --json > "$TEST_DIR/start.json" &&
    deploy_batch=$(json "$TEST_DIR/start.json" .id) &&
    deploy_task=$(json "$TEST_DIR/start.json" '.tasks[0].task')
}

# deploy_wait SECONDS: until the task has ended; fails unless it succeeded.
deploy_wait () {
  slipway batch wait "$deploy_batch" --timeout "${1}s" || { slipway task show "$deploy_task"; return 1; }
}

# deploy_reaches PERMILLE SECONDS: until the install step has come that far, by
# the events in $TEST_DIR/events.jsonl.
deploy_reaches () {
  grep -m 1 -q . < <(timeout "$2" tail -n +1 -F "$TEST_DIR/events.jsonl" 2> /dev/null |
    jq --unbuffered -c --arg task "$deploy_task" --argjson least "$1" \
      'select(.event == "task-progress" and .task == $task and .permille >= $least)' 2> /dev/null)
}

# deploy_login MACHINE BYTES SECONDS: until a login prompt stands in what the
# console has printed after its first BYTES.
deploy_login () {
  "$top_srcdir/tests/lib/wait-text" "$TEST_DIR/$1.console" "$2" "$deploy_name login:" "$3"
}

# deploy_compare DISK: every chunk outside of the reported ranges is the
# image's, and the file system is sound.
deploy_compare () {
  local ranges digest
  slipway task show "$deploy_task" --json > "$TEST_DIR/task.json" || return 1
  slipway image show debian-12 --json > "$TEST_DIR/image.json" || return 1
  digest=$(json "$TEST_DIR/image.json" .manifest) || return 1
  # The install step is the last one.
  slipway task result "$deploy_task" $(($(json "$TEST_DIR/task.json" '.steps | length') - 1)) --json > "$TEST_DIR/result.json" || return 1
  ranges=$(jq -r '[.. | .ranges? // empty] | add // [] | .[] | "\(.[0]):\(.[1])"' "$TEST_DIR/result.json") || return 1
  [ -n "$ranges" ] || { echo "the install step reported no personalised range"; return 1; }
  # shellcheck disable=SC2086 # one word a range
  "$top_builddir/tests/lib/compare-disk" "$site/state" "$digest" "$1" $ranges || return 1
  deploy_fsck "$1"
}

deploy_fsck () {
  local start size
  read -r start size < <(sfdisk --json "$1" | jq -r '.partitiontable.partitions[] | select(.name == "root") | "\(.start) \(.size)"')
  dd if="$1" of="$TEST_DIR/root.img" bs=512 skip="$start" count="$size" conv=sparse status=none
  e2fsck -fn "$TEST_DIR/root.img" && rm -f "$TEST_DIR/root.img"
}

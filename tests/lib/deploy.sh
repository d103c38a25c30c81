# SPDX-License-Identifier: Apache-2.0
# One whole deployment, power-on to login, seen from outside: what the demo
# shows and what the tests of whole machines check.  Source functions.sh,
# lab.sh and site.sh first; needs a site that is up, with engine and image.

# deploy_profile: a profile that inventories and installs with this run's
# random host name and marker, read later at the login prompt.
deploy_profile () {
  deploy_name=host-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
  deploy_marker=marker-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
  cat > "$TEST_DIR/profile.json" <<EOF
{
  "name": "debian",
  "match": {"arch": ["x86-uefi"]},
  "transport": ["unicast"],
  "steps": [
    {"action": "inventory"},
    {"action": "install", "with": {"image": "debian-12", "disk": {"select": "smallest", "min": "1 GiB"},
                                   "hostname": "{{host.name}}", "marker": "$deploy_marker"}}
  ],
  "then": "boot-disk"
}
EOF
  slipway profile apply "$TEST_DIR/profile.json"
}

# deploy_disk FILE: an empty disk.
deploy_disk () { rm -f "$1"; truncate -s 2G "$1"; }

# deploy_compare DISK: every chunk outside of the reported ranges is the
# image's, and the file system is sound.
deploy_compare () {
  local ranges digest
  slipway task show "$deploy_task" --json > "$TEST_DIR/task.json" || return 1
  slipway image show debian-12 --json > "$TEST_DIR/image.json" || return 1
  digest=$(json "$TEST_DIR/image.json" .manifest) || return 1
  ranges=$(jq -r '[.. | .ranges? // empty] | add // [] | .[] | "\(.[0]):\(.[1])"' "$TEST_DIR/task.json") || return 1
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

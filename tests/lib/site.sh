# SPDX-License-Identifier: Apache-2.0
# A whole site in the laboratory, from an installed tree: slipwayd with its
# workers, the command line, an engine build, an image.  Source functions.sh
# and lab.sh first.
#
#   site_up            installs below $site, makes the site, starts slipwayd
#   slipway ARGS...    the command line as the first admin
#   site_engine        builds and uploads the engine from the cached kernel
#   site_boot_file ROLE  the path of that file of the engine build
#   site_kill          kill -9 to slipwayd;  site_start starts it again

site=$TEST_DIR/site
site_dhcp='"netmask": "255.255.255.0", "lease_time": "1h",
    "pools": [{"first": "'$lab_network.100'", "last": "'$lab_network.199'"}]' # members of `dhcp`; empty: no DHCP
site_address=$lab_address
site_interfaces='"br0"'
site_uid=64321 # a number without a name: privileges are dropped to it
site_under=() # what slipwayd is started by, a command that becomes it
slipwayd_pid=

site_install () {
  # The folder must be open to the user that slipwayd becomes.
  chmod 711 "$TEST_DIR"
  mkdir -p "$site"
  make -s -C "$top_builddir" install DESTDIR="$site/root" > "$TEST_DIR/install.log" 2>&1 ||
    { tail -n 5 "$TEST_DIR/install.log" >&2; return 1; }
  # Where it was installed, below the stage.
  site_prefix=$site/root$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")
  export SLIPWAY_PLUGIN_DIR=$site_prefix/lib/slipway/plugins
  export SLIPWAY_BOOT_DIR=$site_prefix/share/slipway/boot
  export SLIPWAY_DATA_DIR=$site_prefix/share/slipway
  export SLIPWAY_LIBEXEC_DIR=$site_prefix/libexec/slipway
  PATH=$site_prefix/bin:$site_prefix/sbin:$PATH
}

# site_install_i686: the engine and the plugins for 32-bit machines beside ours,
# cross-compiled from the sysroot of the cache.
site_install_i686 () {
  local prefix=${site_prefix#"$site/root"} stage=$TEST_DIR/i686-root
  mkdir -p "$TEST_DIR/i686" "$SLIPWAY_LIBEXEC_DIR/i686"
  (cd "$TEST_DIR/i686" && "$top_srcdir/tests/lib/configure-i686" "$top_srcdir" "$SLIPWAY_CACHE/sysroot-i386" \
    --quiet --prefix="$prefix" && make -s -j"$(nproc)" all && make -s install DESTDIR="$stage") > "$TEST_DIR/i686.log" 2>&1 ||
    { tail -n 5 "$TEST_DIR/i686.log" >&2; return 1; }
  cp -R "$stage$prefix/lib/slipway/plugins/i686" "$SLIPWAY_PLUGIN_DIR/" &&
    cp "$stage$prefix/libexec/slipway"/slipway-* "$SLIPWAY_LIBEXEC_DIR/i686/"
}

site_configure () {
  # Outside of the document, which would take the quotes away.
  local dhcp=
  [ -z "$site_dhcp" ] || dhcp=", \"dhcp\": { $site_dhcp }"
  cat > "$site/slipwayd.json" <<EOF
{
  "state_dir": "$site/state",
  "user": "$site_uid",
  "address": "$site_address",
  "interfaces": [$site_interfaces]$dhcp
}
EOF
}

site_start () {
  : > "$TEST_DIR/slipwayd.out"
  # Not in_lab: $! must be slipwayd itself, which a function in the background
  # is not.
  ip netns exec "$lab" "${site_under[@]}" slipwayd run --config "$site/slipwayd.json" > "$TEST_DIR/slipwayd.out" 2>> "$TEST_DIR/slipwayd.log" < /dev/null &
  slipwayd_pid=$!
  wait_line "$TEST_DIR/slipwayd.out" '^ready' 30 ||
    { tail -n 20 "$TEST_DIR/slipwayd.log" >&2; return 1; }
}

site_kill () {
  kill -9 "$slipwayd_pid"
  wait "$slipwayd_pid" 2> /dev/null || true
}

# site_up [i686]: with i686 also what 32-bit machines need.
site_up () {
  site_install && site_configure || return 1
  [ "${1:-}" != i686 ] || site_install_i686 || return 1
  in_lab slipwayd init --config "$site/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
    { cat "$TEST_DIR/init.log" >&2; return 1; }
  at_exit 'stop "$slipwayd_pid"'
  export SLIPWAY_SERVER=https://$site_address:7443
  export SLIPWAY_CA=$site/state/site/ca.pem
  export SLIPWAY_TOKEN_FILE=$site/state/admin-token
  site_start
}

slipway () { in_lab "$site_prefix/bin/slipway" "$@"; }

site_engine () {
  slipway engine build --kernel-package "$SLIPWAY_CACHE/linux-image.deb" "$@"
}

site_boot_file () {
  slipway engine list --json | jq -r --arg role "$1" --arg boot "$site/state/boot" \
    '[.. | objects | select(.role? == $role) | .sha256][0] | "\($boot)/\(.)"'
}

site_engine_i686 () {
  slipway engine build --arch i686 --kernel-package "$SLIPWAY_CACHE/linux-image-i686.deb" \
    --sysroot "$SLIPWAY_CACHE/sysroot-i386" "$@"
}

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# What `install` writes for cloud-init is what cloud-init reads: its own schema
# check, and its own reading of the network configuration.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
PATH=$PATH:/sbin:/usr/sbin
requires curl jq sfdisk mke2fs debugfs /usr/bin/python3
requires_cache cloud-init
export PYTHONPATH=$SLIPWAY_CACHE/cloud-init

server_init
server_start
make_disk_image "$TEST_DIR/image.raw"
import_image tiny "$TEST_DIR/image.raw"
add_host lab-01
add_profile seeded '[{"action":"install","with":{"image":"tiny","disk":{"select":"only"},"hostname":"{{host.name}}",
  "ssh_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI root"],
  "users":[{"name":"ada","sudo":true,"groups":["video"],"ssh_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ada"]},
           {"name":"bob","password_hash":"$y$j9T$salt$hash","shell":"/bin/sh"}],
  "network":[{"mac":"{{host.mac}}","dhcp":true,"mtu":9000},
             {"mac":"52:54:00:00:00:02","addresses":["10.0.0.5/24","fd00::5/64"],"gateway":"10.0.0.1",
              "dns":["10.0.0.2"],"search":["lab.example"]}]}}]'
start_task seeded
truncate -s 64M "$TEST_DIR/disk.img"
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
is "$engine_status" 0 "a system is installed"
root_of "$TEST_DIR/disk.img" "$TEST_DIR/root.ext4"
for file in meta-data user-data network-config; do
  debugfs -R "cat /var/lib/cloud/seed/nocloud/$file" "$TEST_DIR/root.ext4" > "$TEST_DIR/$file" 2> /dev/null
done
ok "cloud-init finds the user data valid" /usr/bin/python3 -m cloudinit.cmd.main schema --config-file "$TEST_DIR/user-data"
/usr/bin/python3 - "$TEST_DIR" > "$TEST_DIR/state.txt" 2> "$TEST_DIR/python.log" <<'E'
import sys
from cloudinit import util
from cloudinit.net.network_state import parse_net_config_data
folder = sys.argv[1]
def load(name):
    with open(f"{folder}/{name}", encoding="utf-8") as file:
        return util.load_yaml(file.read())
print("id", load("meta-data")["instance-id"][:8], load("meta-data")["local-hostname"])
state = parse_net_config_data(load("network-config"))
for port in state.iter_interfaces():
    for subnet in port["subnets"]:
        print(port["mac_address"], port.get("mtu"), subnet["type"], subnet.get("address"), subnet.get("prefix"), subnet.get("gateway"))
E
is "$(cat "$TEST_DIR/state.txt")" "id slipway- lab-01
$host_mac 9000 dhcp4 None None None
52:54:00:00:00:02 None static 10.0.0.5 24 10.0.0.1
52:54:00:00:00:02 None static fd00::5 64 None" "and reads the network as it was meant"
[ -s "$TEST_DIR/state.txt" ] || diag "$(cat "$TEST_DIR/python.log")"
done_testing

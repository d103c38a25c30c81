# SPDX-License-Identifier: Apache-2.0
image_system_tests = %D%/image-care.sh %D%/image-damage.sh \
	%D%/image-export.sh %D%/image-export-resume.sh %D%/image-import.sh \
	%D%/image-upload.sh
dist_check_SCRIPTS += $(image_system_tests)
TESTS += $(image_system_tests)

# Real clients against slipwayd in a network namespace.
SYSTEM_TESTS += %D%/dhcp-clients.sh %D%/dhcp-conflict.sh \
	%D%/dhcp-networks.sh %D%/dhcp-proxy.sh %D%/dhcp-relay.sh \
	%D%/engine-checkpoint.sh \
	%D%/engine-rendezvous.sh \
	%D%/enrol-boot.sh \
	%D%/inventory-compare.sh %D%/inventory-lldp.sh \
	%D%/kexec-refusals.sh \
	%D%/link-lost.sh \
	%D%/plugins-switching.sh \
	%D%/privileges.sh \
	%D%/tftp-clients.sh %D%/upgrade.sh
EXTRA_DIST += %D%/upgrade/make-state %D%/upgrade/state-0.1.0.tar.xz
EXTRA_DIST += tests/lib/dhcp-client tests/lib/foreign-dhcp.sh tests/lib/proxy.sh

# The engine as a process, without root.
engine_system_tests = \
	%D%/batch-approve.sh \
	%D%/engine-collect.sh \
	%D%/engine-deploy.sh \
	%D%/engine-kills.sh \
	%D%/engine-refusals.sh \
	%D%/engine-servers.sh \
	%D%/engine-services.sh \
	%D%/enrol.sh
dist_check_SCRIPTS += $(engine_system_tests)
TESTS += $(engine_system_tests)
EXTRA_DIST += tests/lib/engine.sh
dist_check_SCRIPTS += %D%/boot-scripts.sh %D%/cli-completion.sh %D%/cli.sh
TESTS += %D%/boot-scripts.sh %D%/cli-completion.sh %D%/cli.sh
rest_system_tests = \
	%D%/event-resume.sh \
	%D%/rest-api.sh \
	%D%/rest-contract.sh \
	%D%/rest-hostile.sh \
	%D%/rest-plugins.sh \
	%D%/rest-server.sh
dist_check_SCRIPTS += $(rest_system_tests)
TESTS += $(rest_system_tests)
EXTRA_DIST += tests/lib/rest.sh tests/lib/cutting-relay tests/lib/rest-contract

dist_check_SCRIPTS += %D%/engine-build.sh
TESTS += %D%/engine-build.sh
dist_check_SCRIPTS += %D%/secrets.sh
TESTS += %D%/secrets.sh
dist_check_SCRIPTS += %D%/task-deploy.sh
TESTS += %D%/task-deploy.sh
dist_check_SCRIPTS += %D%/http-port.sh %D%/sockets-passed.sh
TESTS += %D%/http-port.sh %D%/sockets-passed.sh
dist_check_SCRIPTS += %D%/port-in-use.sh
TESTS += %D%/port-in-use.sh

# SPDX-License-Identifier: Apache-2.0
VM_TESTS += \
	%D%/bios-deploy.sh \
	%D%/install-file-systems.sh \
	%D%/inventory.sh \
	%D%/proxy-boot.sh \
	%D%/uefi-deploy.sh \
	%D%/uefi-kexec.sh
FULL_TESTS += \
	%D%/full-bios.sh \
	%D%/full-boot-next.sh \
	%D%/full-grow-cut.sh \
	%D%/full-kill-server.sh \
	%D%/full-loader.sh \
	%D%/full-power-cut.sh \
	%D%/full-power-ons.sh \
	%D%/full-proxy.sh \
	%D%/full-seed.sh
EXTRA_DIST += %D%/inventory/init %D%/inventory/memory-modules \
	%D%/inventory/tools %D%/inventory/truth

# SPDX-License-Identifier: Apache-2.0
SDK_PAGES = %D%/slipway-plugin.7 %D%/slipway-plugin-action.7 \
	%D%/slipway-plugin-arch.7 %D%/slipway-plugin-store.7 \
	%D%/slipway-plugin-transport.7
PODS += %D%/slipway-plugin.7.pod %D%/slipway-plugin-action.7.pod \
	%D%/slipway-plugin-arch.7.pod %D%/slipway-plugin-store.7.pod \
	%D%/slipway-plugin-transport.7.pod
man_MANS += $(SDK_PAGES)
sdkdocdir = $(docdir)
dist_sdkdoc_DATA = %D%/abi-history.md

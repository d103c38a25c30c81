# SPDX-License-Identifier: Apache-2.0
# What runs on a target is built for every machine; what only the server loads
# needs the server.
include plugins/action/inventory/local.mk
include plugins/action/install/local.mk
include plugins/transport/unicast/local.mk
if SERVER
include plugins/transport/mtftp/local.mk
include plugins/arch/local.mk
include plugins/store/sqlite/local.mk
endif

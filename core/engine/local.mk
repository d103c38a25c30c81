# SPDX-License-Identifier: Apache-2.0
if SERVER
include core/engine/build/local.mk
endif

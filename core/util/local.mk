# SPDX-License-Identifier: Apache-2.0
libslipwayutil_la_SOURCES += \
	%D%/allowance.h \
	%D%/buf.c %D%/buf.h \
	%D%/bytes.h \
	%D%/channel.c %D%/channel.h \
	%D%/child.c %D%/child.h \
	%D%/crypto.c %D%/crypto.h \
	%D%/err.c %D%/err.h \
	%D%/file.c %D%/file.h \
	%D%/hex.c \
	%D%/json.c %D%/json.h \
	%D%/log.c %D%/log.h \
	%D%/loop.c %D%/loop.h \
	%D%/macros.h \
	%D%/num.c %D%/num.h \
	%D%/pool.c %D%/pool.h \
	%D%/seam.c %D%/seam.h \
	%D%/secret-memory.c %D%/secret-memory.h \
	%D%/sim.c %D%/sim.h
if SERVER
libslipwayutil_la_SOURCES += %D%/pattern.c %D%/pattern.h
libslipwayutil_la_LIBADD += $(PCRE2_LIBS)
endif

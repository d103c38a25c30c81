# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += \
	%D%/elf-check.c %D%/elf-check.h \
	%D%/kind.c %D%/kind.h \
	%D%/load-callbacks.c %D%/load-internal.h \
	%D%/load-file.c \
	%D%/load.c %D%/load.h \
	%D%/loop-services.c %D%/loop-services.h \
	%D%/param-value.c %D%/param-value.h \
	%D%/param-values.c \
	%D%/params.c %D%/params.h
if SERVER
libslipwaycore_la_SOURCES += \
	%D%/describe-elf.c \
	%D%/describe-json.c \
	%D%/describe-kind.c %D%/describe-internal.h \
	%D%/describe-member.c \
	%D%/describe.c %D%/describe.h \
	%D%/elf-relocations.c \
	%D%/elf-symbols.c \
	%D%/elf-view.c %D%/elf-view.h %D%/elf-view-internal.h \
	%D%/registry-scan.c \
	%D%/registry.c %D%/registry.h %D%/registry-internal.h
libslipwaycore_la_LIBADD += $(ELF_LIBS)
endif

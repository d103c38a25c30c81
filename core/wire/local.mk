# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += %D%/message.c %D%/message.h

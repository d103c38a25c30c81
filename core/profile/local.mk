# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += %D%/plan.c %D%/plan.h

# SPDX-License-Identifier: Apache-2.0
# Copied by vendors; never built here, only from a staged install by
# tests/repo/template.sh.
templateactiondir = $(pkgdatadir)/sdk/template/action
dist_templateaction_DATA = %D%/action/Makefile %D%/action/README.md \
	%D%/action/hello.c %D%/action/test-hello.c

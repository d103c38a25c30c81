# SPDX-License-Identifier: Apache-2.0
TESTS += \
	%D%/test-catalogues.sh \
	%D%/test-cross-i686.sh \
	%D%/test-docs.sh \
	%D%/test-includes.sh \
	%D%/test-manual.sh \
	%D%/test-needed.sh \
	%D%/test-source.sh \
	%D%/test-tarball.sh \
	%D%/test-template.sh
EXTRA_DIST += \
	%D%/test-catalogues.sh \
	%D%/test-cross-i686.sh \
	%D%/test-docs.sh \
	%D%/test-includes.sh \
	%D%/test-manual.sh \
	%D%/test-needed.sh \
	%D%/test-source.sh \
	%D%/test-tarball.sh \
	%D%/test-template.sh

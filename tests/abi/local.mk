# SPDX-License-Identifier: Apache-2.0
TESTS += %D%/test-headers.sh %D%/test-layout.sh
EXTRA_DIST += %D%/test-headers.sh %D%/test-layout.sh \
	%D%/layout-32.golden %D%/layout-64.golden

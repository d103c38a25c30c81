# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += \
	%D%/architecture.md \
	%D%/measurements.md \
	%D%/test-runs.md \
	%D%/tests.md \
	%D%/image-format.md \
	%D%/wire.md

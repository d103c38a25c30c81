# SPDX-License-Identifier: Apache-2.0
image_system_tests = %D%/image-import.sh
dist_check_SCRIPTS += $(image_system_tests)
TESTS += $(image_system_tests)

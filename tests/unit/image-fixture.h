/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with an object store, made before and removed after each test. */
#ifndef TESTS_UNIT_IMAGE_FIXTURE_H
#define TESTS_UNIT_IMAGE_FIXTURE_H

#include "core/image/objects.h"

struct fixture {
    char path[256];
    int dir_fd;
    struct objects *objects;
    struct seal_secret secret;
    uint64_t random; /* state of the test's own generator */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(name)                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

uint64_t fixture_random(struct fixture *f, uint64_t below);
/* Random content with runs of zeros, of equal chunks, of text; caller frees. */
uint8_t *fixture_image(struct fixture *f, size_t size);
/* A file of `size` random bytes; opened for reading and writing. */
int fixture_file(struct fixture *f, const char *name, size_t size);
/* Imports `image` as a blob of that chunk size. */
void fixture_import(struct fixture *f, const uint8_t *image, size_t size,
                    unsigned chunk_shift, struct manifest *ret);
unsigned fixture_count_files(struct fixture *f, const char *folder);
unsigned fixture_count_objects(struct fixture *f);
unsigned fixture_count_temporary(struct fixture *f);
/* Flips one bit of one file below `folder` and tells its name. */
void fixture_flip_bit(struct fixture *f, const char *folder,
                      char ret_name[DIGEST_HEX_BYTES]);

#endif

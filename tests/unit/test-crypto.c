/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing, signing, digests, and files that survive a crash. */
#include "core/util/crypto.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/file.h"

static void sha256_of_abc(void **state)
{
    struct digest digest, streamed;
    struct digest_stream stream;
    char hex[DIGEST_HEX_BYTES];
    (void)state;
    digest_of("abc", 3, &digest);
    /* FIPS 180-4, the example of one block. */
    assert_string_equal(digest_hex(&digest, hex),
                        "ba7816bf8f01cfea414140de5dae2223"
                        "b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_stream_init(&stream), 0);
    digest_stream_add(&stream, "a", 1);
    digest_stream_add(&stream, "bc", 2);
    digest_stream_done(&stream, &streamed);
    assert_true(digest_equal(&digest, &streamed));
    assert_int_equal(digest_parse(hex, &streamed, NULL), 0);
    assert_true(digest_parse("abc", &streamed, NULL) < 0);
}

static void hkdf_is_that_of_rfc_5869(void **state)
{
    /* RFC 5869 A.3 has a 22-byte key; this vector has 32 bytes of 0x0b and
     * was made with another implementation. */
    struct secret_key secret, key;
    char hex[65];
    (void)state;
    memset(&secret, 0x0b, sizeof(secret));
    assert_int_equal(hkdf_sha256(&secret, "", 0, &key, NULL), 0);
    assert_string_equal(hex_format(key.bytes, sizeof(key.bytes), hex),
                        "27488977d7c845fa17e618b4e225651a"
                        "0a417521175396f455da2c465679eea8");
}

static void a_changed_byte_is_refused(void **state)
{
    struct secret_key key;
    uint8_t sealed[5 + SEAL_TAG_BYTES], opened[5];
    (void)state;
    random_bytes(&key, sizeof(key));
    assert_int_equal(seal(&key, NULL, "hello", 5, sealed, NULL), 0);
    assert_int_equal(unseal(&key, NULL, sealed, sizeof(sealed), opened, NULL),
                     0);
    assert_memory_equal(opened, "hello", 5);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        assert_int_equal(
            unseal(&key, NULL, sealed, sizeof(sealed), opened, NULL),
            ERR_VERIFY);
        sealed[i] ^= 1;
    }
    assert_int_equal(unseal(&key, NULL, sealed, 3, opened, NULL), ERR_VERIFY);
}

static void a_signature_holds_for_its_domain_only(void **state)
{
    struct signing_key key, other;
    uint8_t signature[SIGNATURE_BYTES];
    (void)state;
    assert_int_equal(signing_key_generate(&key, NULL), 0);
    assert_int_equal(signing_key_generate(&other, NULL), 0);
    assert_int_equal(sign_bytes(&key, "plan", "text", 4, signature, NULL), 0);
    struct verify_key keys[] = {other.public_key, key.public_key};
    assert_int_equal(verify_bytes(keys, 2, "plan", "text", 4, signature, NULL),
                     0);
    assert_int_equal(verify_bytes(keys, 1, "plan", "text", 4, signature, NULL),
                     ERR_VERIFY);
    assert_int_equal(verify_bytes(keys, 2, "man", "text", 4, signature, NULL),
                     ERR_VERIFY);
    assert_int_equal(verify_bytes(keys, 2, "plan", "texu", 4, signature, NULL),
                     ERR_VERIFY);
}

static void base64_has_no_padding(void **state)
{
    (void)state;
    AUTO_FREE char *one = base64url_format("\xff", 1);
    AUTO_FREE char *three = base64url_format("\xfb\xff\xfe", 3);
    assert_string_equal(one, "_w");
    assert_string_equal(three, "-__-");
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
    const char *dir = getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp";
    AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_BUF content = BUF_INIT(3);
    (void)state;
    assert_int_equal(file_write(fd, "f", "old", 3, 0600, NULL), 0);
    assert_int_equal(file_create(fd, "f", "new", 3, 0600, NULL), ERR_CONFLICT);
    assert_int_equal(file_write(fd, "f", "new", 3, 0600, NULL), 0);
    assert_int_equal(file_read(fd, "f", &content, NULL), 0);
    assert_string_equal(buf_text(&content), "new");
    assert_int_equal(file_write(fd, "f", "four", 4, 0600, NULL), 0);
    assert_int_equal(file_read(fd, "f", &content, NULL), ERR_TOO_BIG);
    assert_int_equal(file_read(fd, "none", &content, NULL), ERR_NOT_FOUND);
    (void)unlinkat(fd, "f", 0);
}

static void names_that_leave_the_folder_are_refused(void **state)
{
    (void)state;
    assert_true(path_component_ok("vmlinuz-6.1"));
    assert_false(path_component_ok(".."));
    assert_false(path_component_ok("a/b"));
    assert_false(path_component_ok(""));
    assert_false(path_component_ok("a\nb"));
}

static void a_sealed_memfd_cannot_be_changed(void **state)
{
    AUTO_CLOSE int fd = file_sealed_memfd("x", "data", 4, NULL);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "D", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(hkdf_is_that_of_rfc_5869),
        cmocka_unit_test(a_changed_byte_is_refused),
        cmocka_unit_test(a_signature_holds_for_its_domain_only),
        cmocka_unit_test(base64_has_no_padding),
        cmocka_unit_test(a_file_is_replaced_whole_or_not_at_all),
        cmocka_unit_test(names_that_leave_the_folder_are_refused),
        cmocka_unit_test(a_sealed_memfd_cannot_be_changed),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

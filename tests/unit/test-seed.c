/* SPDX-License-Identifier: Apache-2.0 */
/* cloud-init's seed from the parameters of `install`, byte for byte, and what
 * is refused. */
#include "plugins/action/install/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI admin@example"
#define HASH "$y$j9T$salt$9f3kQ"

static void everything_has_its_place(void **state)
{
    const struct seed_spec spec = {
        .instance_id = "slipway-1",
        .hostname = "lab-01",
        .users = "[{\"name\": \"ada\", \"ssh_keys\": [\"" KEY "\"], "
                 "\"sudo\": true, \"groups\": [\"video\"]}, "
                 "{\"name\": \"bob\", \"password_hash\": \"" HASH "\", "
                 "\"shell\": \"/bin/sh\"}]",
        .ssh_keys = "[\"" KEY "\"]",
        .network =
            "[{\"mac\": \"52-54-00-AB-cd-01\", \"dhcp\": true}, "
            "{\"mac\": \"52:54:00:ab:cd:02\", \"addresses\": "
            "[\"10.0.0.5/24\", \"fd00::5/64\"], \"gateway\": \"10.0.0.1\", "
            "\"dns\": [\"10.0.0.2\"], \"search\": [\"lab.example\"], "
            "\"mtu\": 9000}]",
    };
    struct seed seed;
    char why[SEED_SENTENCE_BYTES] = "";
    (void)state;
    assert_int_equal(seed_make(&spec, &seed, why), 0);
    assert_string_equal(why, "");
    assert_string_equal(seed.meta_data, "{\"instance-id\":\"slipway-1\","
                                        "\"local-hostname\":\"lab-01\"}\n");
    assert_string_equal(
        seed.user_data,
        "#cloud-config\n"
        "{\"hostname\":\"lab-01\",\"ssh_authorized_keys\":[\"" KEY "\"],"
        "\"users\":[\"default\","
        "{\"groups\":[\"video\"],\"lock_passwd\":true,\"name\":\"ada\","
        "\"shell\":\"/bin/bash\",\"ssh_authorized_keys\":[\"" KEY "\"],"
        "\"sudo\":\"ALL=(ALL) NOPASSWD:ALL\"},"
        "{\"hashed_passwd\":\"" HASH "\",\"lock_passwd\":false,"
        "\"name\":\"bob\",\"shell\":\"/bin/sh\"}]}\n");
    assert_string_equal(
        seed.network_config,
        "{\"ethernets\":{"
        "\"port0\":{\"dhcp4\":true,"
        "\"match\":{\"macaddress\":\"52:54:00:ab:cd:01\"}},"
        "\"port1\":{\"addresses\":[\"10.0.0.5/24\",\"fd00::5/64\"],"
        "\"dhcp4\":false,\"gateway4\":\"10.0.0.1\","
        "\"match\":{\"macaddress\":\"52:54:00:ab:cd:02\"},\"mtu\":9000,"
        "\"nameservers\":{\"addresses\":[\"10.0.0.2\"],"
        "\"search\":[\"lab.example\"]}}},"
        "\"version\":2}\n");
    seed_done(&seed);
}

static void nothing_given_is_an_empty_config(void **state)
{
    const struct seed_spec spec = {.instance_id = "slipway-2"};
    struct seed seed;
    char why[SEED_SENTENCE_BYTES] = "";
    (void)state;
    assert_int_equal(seed_make(&spec, &seed, why), 0);
    assert_string_equal(seed.meta_data, "{\"instance-id\":\"slipway-2\"}\n");
    assert_string_equal(seed.user_data, "#cloud-config\n{}\n");
    assert_null(seed.network_config);
    seed_done(&seed);
}

static void assert_refused(const struct seed_spec *spec, const char *sentence)
{
    struct seed seed;
    char why[SEED_SENTENCE_BYTES] = "";
    assert_int_equal(seed_make(spec, &seed, why), -1);
    if (!strstr(why, sentence))
        fail_msg("'%s' is not in '%s'", sentence, why);
    assert_null(seed.user_data);
}

static void users(const char *text, const char *sentence)
{
    const struct seed_spec spec = {.instance_id = "i", .users = text};
    assert_refused(&spec, sentence);
}

static void network(const char *text, const char *sentence)
{
    const struct seed_spec spec = {.instance_id = "i", .network = text};
    assert_refused(&spec, sentence);
}

static void bad_users_are_named(void **state)
{
    const struct seed_spec keys = {.instance_id = "i",
                                   .ssh_keys = "[\"ssh-rsa\\nx y\"]"};
    (void)state;
    users("{}", "users must be an array");
    users("[{\"name\": \"Ada\"}]", "users[0].name must be");
    users("[{\"name\": \"-x\"}]", "users[0].name must be");
    users("[{}]", "users[0].name must be");
    users("[\"ada\"]", "users[0] must be an object");
    users("[{\"name\": \"a\", \"uid\": 0}]", "users[0].uid: there is no such");
    users("[{\"name\": \"a\", \"ssh_keys\": [\"no key\"]}]",
          "users[0].ssh_keys[0] must be a public key");
    users("[{\"name\": \"a\", \"shell\": \"sh\"}]", "users[0].shell must be");
    users("[{\"name\": \"a\", \"sudo\": \"yes\"}]", "users[0].sudo must be");
    users("[{\"name\": \"a\", \"groups\": [\"a,b\"]}]", "users[0].groups[0]");
    assert_refused(&keys, "ssh_keys[0] must be a public key");
}

static void a_password_is_in_no_sentence(void **state)
{
    const struct seed_spec spec = {
        .instance_id = "i",
        .users = "[{\"name\": \"a\", \"password_hash\": \"hunter2\"}]"};
    struct seed seed;
    char why[SEED_SENTENCE_BYTES] = "";
    (void)state;
    assert_int_equal(seed_make(&spec, &seed, why), -1);
    assert_non_null(strstr(why, "users[0].password_hash is not a hash"));
    assert_null(strstr(why, "hunter2"));
}

static void bad_ports_are_named(void **state)
{
    (void)state;
    network("[]", "network must be an array of 1 to");
    network("[{\"mac\": \"52:54:00:00:00\", \"dhcp\": true}]",
            "network[0].mac must be");
    network("[{\"mac\": \"52:54:00:00:00:01\"}]",
            "network[0] must have 'addresses' or 'dhcp'");
#define PORT "[{\"mac\": \"52:54:00:00:00:01\", "
    network(PORT "\"addresses\": [\"10.0.0.5\"]}]",
            "network[0].addresses[0] must be");
    network(PORT "\"addresses\": [\"10.0.0.5/33\"]}]",
            "network[0].addresses[0] must be");
    network(PORT "\"addresses\": [\"10.0.0.5/2x\"]}]",
            "network[0].addresses[0] must be");
    network(PORT "\"dhcp\": true, \"gateway\": \"router\"}]",
            "network[0].gateway must be");
    network(PORT "\"dhcp\": true, \"dns\": [\"a\"]}]",
            "network[0].dns[0] must be");
    network(PORT "\"dhcp\": true, \"search\": [\"a b\"]}]",
            "network[0].search[0] must be");
    network(PORT "\"dhcp\": true, \"mtu\": 68}]", "network[0].mtu must be");
    network(PORT "\"dhcp\": true, \"vlan\": 3}]",
            "network[0].vlan: there is no such");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_its_place),
        cmocka_unit_test(nothing_given_is_an_empty_config),
        cmocka_unit_test(bad_users_are_named),
        cmocka_unit_test(a_password_is_in_no_sentence),
        cmocka_unit_test(bad_ports_are_named),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

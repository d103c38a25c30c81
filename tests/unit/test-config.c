/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what is accepted, and the sentence for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "core/server/config.h"
#include "core/util/file.h"
#include "core/util/macros.h"

#include <fcntl.h>

static const char *path(void)
{
    static char text[4096];
    const char *dir = getenv("TEST_DIR");
    (void)snprintf(text, sizeof(text), "%s/slipwayd.json", dir ? dir : ".");
    return text;
}

static int load(const char *text, struct config **ret, struct err *err)
{
    assert_int_equal(
        file_write(AT_FDCWD, path(), text, strlen(text), 0600, err), 0);
    return config_load(path(), ret, err);
}

static void test_defaults(void **state)
{
    struct config *config;
    struct err err = ERR_INIT;
    (void)state;
    if (load("{\"address\": \"192.0.2.1\"}", &config, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(config->ports.tls, 7443);
    assert_int_equal(config->ports.tftp, 69);
    assert_false(config->has_dhcp);
    assert_string_equal(config->store_plugin, "sqlite");
    assert_string_equal(config->store_location + strlen(config->state_dir),
                        "/store.db");
    assert_null(config->user);
    config_free(config);
}

static void test_everything(void **state)
{
    static const char text[] =
        "{\"state_dir\": \"/s\", \"user\": \"65534\", \"address\": "
        "\"192.0.2.1\", \"interfaces\": [\"br0\"], \"ports\": {\"tls\": 0, "
        "\"http\": 1, \"dhcp\": 2, \"pxe\": 3, \"tftp\": 4}, \"dhcp\": "
        "{\"mode\": \"server\", \"pools\": [{\"first\": \"192.0.2.10\", "
        "\"last\": \"192.0.2.20\"}], \"netmask\": \"255.255.255.0\", "
        "\"router\": \"192.0.2.254\", \"dns\": [\"192.0.2.53\"], \"domain\": "
        "\"lab\", \"lease_time\": \"10m\"}, \"store\": {\"plugin\": "
        "\"other\", \"location\": \"x\"}, \"plugin_dir\": \"/p\", "
        "\"boot_dir\": \"/b\", \"device_names_dir\": \"/n\", \"log\": "
        "{\"level\": \"debug\", \"format\": "
        "\"json\"}, \"dock_macs\": [\"00-50-B6-00-00-01\"]}";
    struct config *config;
    struct err err = ERR_INIT;
    (void)state;
    if (load(text, &config, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(config->dhcp.lease_ms, 600000);
    assert_int_equal(config->dhcp.mode, DHCP_MODE_SERVER);
    assert_int_equal(config->dhcp.subnet_count, 1);
    assert_int_equal(config->dhcp.subnets[0].pool_count, 1);
    assert_int_equal(config->dhcp.subnets[0].dns_count, 1);
    assert_int_equal(ntohl(config->dhcp.subnets[0].network.s_addr), 0xc0000200);
    assert_int_equal(config->interface_count, 1);
    assert_string_equal(config->interfaces[0].name, "br0");
    assert_string_equal(config->boot_dir, "/b");
    assert_string_equal(config->device_names_dir, "/n");
    assert_int_equal(config->dock_mac_count, 1);
    assert_string_equal(config->dock_macs[0], "00:50:b6:00:00:01");
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    config_free(config);
}

static void test_several_networks(void **state)
{
    static const char text[] =
        "{\"address\": \"192.0.2.1\", \"interfaces\": [\"eth0\", {\"name\": "
        "\"eth1\", \"address\": \"10.1.0.1\"}], \"dhcp\": {\"subnets\": ["
        "{\"network\": \"192.0.2.0/24\", \"pools\": [{\"first\": "
        "\"192.0.2.10\", \"last\": \"192.0.2.20\"}]}, "
        "{\"network\": \"10.1.0.0/20\", \"router\": \"10.1.15.254\", "
        "\"domain\": \"room\", \"pools\": [{\"first\": \"10.1.1.0\", "
        "\"last\": \"10.1.14.255\"}]}]}}";
    struct config *config;
    struct err err = ERR_INIT;
    (void)state;
    if (load(text, &config, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(config->interface_count, 2);
    assert_int_equal(config->interfaces[0].address.s_addr, 0);
    assert_string_equal(config->interfaces[1].name, "eth1");
    assert_int_equal(ntohl(config->interfaces[1].address.s_addr), 0x0a010001);
    assert_int_equal(config->dhcp.subnet_count, 2);
    assert_int_equal(ntohl(config->dhcp.subnets[1].netmask.s_addr), 0xfffff000);
    assert_string_equal(config->dhcp.subnets[1].domain, "room");
    config_free(config);
}

static void test_a_proxy_needs_nothing_else(void **state)
{
    struct config *config;
    struct err err = ERR_INIT;
    (void)state;
    if (load("{\"address\": \"192.0.2.1\", \"dhcp\": {\"mode\": \"proxy\", "
             "\"proxy_style\": {\"x86-uefi\": \"direct\", \"x86-bios\": "
             "\"boot-server\"}}}",
             &config, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(config->has_dhcp);
    assert_int_equal(config->dhcp.mode, DHCP_MODE_PROXY);
    assert_int_equal(config->dhcp.style_count, 2);
    assert_string_equal(config->dhcp.styles[1].arch, "x86-bios");
    assert_int_equal(config->dhcp.styles[1].style, PROXY_STYLE_BOOT_SERVER);
    config_free(config);
}

struct wrong {
    const char *text;
    const char *named; /* must be in the sentence */
};

#define DHCP(members) "{\"address\":\"192.0.2.1\",\"dhcp\":{" members "}}"
#define POOL "\"pools\":[{\"first\":\"192.0.2.10\",\"last\":\"192.0.2.20\"}]"
#define MASK "\"netmask\":\"255.255.255.0\""

#define NETWORK "\"network\":\"192.0.2.0/24\""

static const struct wrong wrongs[] = {
    {"", "slipwayd.json"},
    {"[]", "slipwayd.json"},
    {"{}", "$.address"},
    {"{\"address\":\"192.0.2.1\",\"adress\":1}", "$.adress"},
    {"{\"address\":\"192.0.2.1\",\"address\":\"192.0.2.1\"}", "address"},
    {"{\"address\":7}", "$.address"},
    {"{\"address\":\"300.0.0.1\"}", "300.0.0.1"},
    {"{\"address\":\"192.0.2.1\",\"state_dir\":\"x\"}", "$.state_dir"},
    {"{\"address\":\"192.0.2.1\",\"ports\":{\"tls\":65536}}", "$.ports.tls"},
    {"{\"address\":\"192.0.2.1\",\"ports\":{\"ssh\":1}}", "$.ports.ssh"},
    {"{\"address\":\"192.0.2.1\",\"interfaces\":[\"a\",\"a\"]}",
     "$.interfaces"},
    {"{\"address\":\"192.0.2.1\",\"interfaces\":[{\"name\":\"a\"}]}",
     "$.interfaces[0].address"},
    {"{\"address\":\"192.0.2.1\",\"interfaces\":[{\"name\":\"a\",\"address\":"
     "\"192.0.2\"}]}",
     "$.interfaces[0].address"},
    {"{\"address\":\"192.0.2.1\",\"interfaces\":[\"much-too-long-a-name\"]}",
     "$.interfaces"},
    {"{\"address\":\"192.0.2.1\",\"interfaces\":[7]}", "$.interfaces"},
    {"{\"address\":\"192.0.2.1\",\"log\":{\"level\":\"loud\"}}",
     "$.log.level"},
    {"{\"address\":\"192.0.2.1\",\"dock_macs\":[\"x\"]}", "$.dock_macs"},
    {DHCP("\"mode\":\"relay\""), "$.dhcp.mode"},
    {DHCP("\"mode\":\"proxy\"," POOL "," MASK), "$.dhcp.pools"},
    {DHCP("\"mode\":\"proxy\",\"subnets\":[]"), "$.dhcp.subnets"},
    {DHCP("\"mode\":\"proxy\",\"proxy_style\":\"direct\""),
     "$.dhcp.proxy_style"},
    {DHCP("\"mode\":\"proxy\",\"proxy_style\":{\"x86-uefi\":\"menu\"}"),
     "$.dhcp.proxy_style"},
    {DHCP(POOL "," MASK ",\"proxy_style\":{}"), "$.dhcp.proxy_style"},
    {DHCP("\"subnets\":[]"), "$.dhcp.subnets"},
    {DHCP("\"subnets\":[{" NETWORK "," POOL "}]," MASK), "$.dhcp.netmask"},
    {DHCP("\"subnets\":[{" POOL "}]"), "$.dhcp.subnets[0].network"},
    {DHCP("\"subnets\":[{\"network\":\"192.0.2.1/24\"," POOL "}]"),
     "$.dhcp.subnets[0].network"},
    {DHCP("\"subnets\":[{\"network\":\"192.0.2.0/33\"," POOL "}]"),
     "$.dhcp.subnets[0].network"},
    {DHCP("\"subnets\":[{" NETWORK "," POOL "},{\"network\":"
          "\"192.0.0.0/16\"," POOL "}]"),
     "$.dhcp.subnets[1].network"},
    {DHCP("\"subnets\":[{\"network\":\"10.0.0.0/24\"," POOL "}]"),
     "$.dhcp.subnets[0].pools[0].first"},
    {DHCP("\"subnets\":[{" NETWORK "," POOL ",\"router\":\"10.0.0.1\"}]"),
     "$.dhcp.subnets[0].router"},
    {DHCP(MASK), "pools"},
    {DHCP("\"pools\":[]," MASK), "$.dhcp.pools"},
    {DHCP(POOL), "netmask"},
    {DHCP(POOL ",\"netmask\":\"255.0.255.0\""), "$.dhcp.netmask"},
    {DHCP("\"pools\":[{\"first\":\"192.0.2.9\",\"last\":\"192.0.2.1\"}]," MASK),
     "$.dhcp.pools[0].last"},
    {DHCP("\"pools\":[{\"first\":\"10.0.0.1\",\"last\":\"10.0.0.2\"}]," MASK),
     "$.dhcp.pools"},
    {DHCP(POOL "," MASK ",\"lease_time\":\"1s\""), "$.dhcp.lease_time"},
    {DHCP(POOL "," MASK ",\"lease_time\":\"soon\""), "$.dhcp.lease_time"},
};

static void test_wrong_ones_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrongs); i++) {
        struct config *config;
        struct err err = ERR_INIT;
        if (load(wrongs[i].text, &config, &err) == 0)
            fail_msg("%s was accepted", wrongs[i].text);
        if (!strstr(err.text, wrongs[i].named) || !strstr(err.text, path()))
            fail_msg("%s: '%s' does not name %s", wrongs[i].text, err.text,
                     wrongs[i].named);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_several_networks),
        cmocka_unit_test(test_a_proxy_needs_nothing_else),
        cmocka_unit_test(test_wrong_ones_are_named),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

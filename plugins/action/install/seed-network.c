/* SPDX-License-Identifier: Apache-2.0 */
/* Network ports as cloud-init's network configuration, version 2. */
#include "seed.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 32
#define LIST_MAX 16
#define MAC_BYTES 18 /* with the NUL */
#define PATH_BYTES 48
#define MTU_MIN 576   /* RFC 791 */
#define MTU_MAX 65535

/* "52:54:00:12:34:56" in lower case; dashes are taken too. */
static int mac_format(const json_t *value, char out[MAC_BYTES])
{
    const char *text = json_string_value(value);

    if (!text || strlen(text) != MAC_BYTES - 1)
        return -1;
    for (size_t i = 0; i < MAC_BYTES - 1; i++) {
        char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20)
                                                  : text[i];
        if (i % 3 == 2 ? c != ':' && c != '-'
                       : !strchr("0123456789abcdef", c))
            return -1;
        out[i] = i % 3 == 2 ? ':' : c;
    }
    out[MAC_BYTES - 1] = '\0';
    return 0;
}

/* AF_INET, AF_INET6, or 0 for what is no address. */
static int family_of(const char *text)
{
    unsigned char bytes[16];

    if (text && inet_pton(AF_INET, text, bytes) == 1)
        return AF_INET;
    return text && inet_pton(AF_INET6, text, bytes) == 1 ? AF_INET6 : 0;
}

/* "10.0.0.5/24" */
static int cidr_ok(const char *text)
{
    char address[64];
    const char *slash = text ? strchr(text, '/') : NULL;
    size_t length = slash ? (size_t)(slash - text) : sizeof(address);
    size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;

    if (length >= sizeof(address) || digits < 1 || digits > 3 ||
        slash[1 + digits])
        return 0;
    memcpy(address, text, length);
    address[length] = '\0';
    int family = family_of(address);
    unsigned bits = 0;
    for (size_t i = 0; i < digits; i++)
        bits = bits * 10 + (unsigned)(slash[1 + i] - '0');
    return family && bits > 0 && bits <= (family == AF_INET ? 32u : 128u);
}

static int name_ok(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

    return text && *text && strlen(text) <= 253 &&
           strspn(text, allowed) == strlen(text);
}

static int address_ok(const char *text)
{
    return family_of(text) != 0;
}

/* A member that is a list of texts, each of which `ok`; NULL = absent. */
static int take_list(const json_t *from, const char *key, const char *path,
                     const char *what, int (*ok)(const char *text),
                     json_t **ret, char why[SEED_SENTENCE_BYTES])
{
    json_t *list = json_object_get(from, key);

    *ret = NULL;
    if (!list)
        return 0;
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > LIST_MAX)
        return seed_fail(why, "%s.%s must be an array of 1 to %d entries",
                         path, key, LIST_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!ok(json_string_value(json_array_get(list, i))))
            return seed_fail(why, "%s.%s[%zu] must be %s", path, key, i, what);
    *ret = list;
    return 0;
}

static int add_gateway(json_t *port, const json_t *from, const char *path,
                       char why[SEED_SENTENCE_BYTES])
{
    const json_t *gateway = json_object_get(from, "gateway");
    int family = family_of(json_string_value(gateway));

    if (!gateway)
        return 0;
    if (!family)
        return seed_fail(why, "%s.gateway must be an IP address", path);
    return json_object_set(port, family == AF_INET ? "gateway4" : "gateway6",
                           (json_t *)gateway);
}

static int add_names(json_t *port, const json_t *from, const char *path,
                     char why[SEED_SENTENCE_BYTES])
{
    json_t *dns = NULL, *search = NULL;

    if (take_list(from, "dns", path, "an IP address", address_ok, &dns, why) <
            0 ||
        take_list(from, "search", path, "a domain", name_ok, &search, why) < 0)
        return -1;
    if (!dns && !search)
        return 0;
    return json_object_set_new(port, "nameservers",
                               json_pack("{s:O*, s:O*}", "addresses", dns,
                                         "search", search));
}

static int add_mtu(json_t *port, const json_t *from, const char *path,
                   char why[SEED_SENTENCE_BYTES])
{
    const json_t *mtu = json_object_get(from, "mtu");

    if (!mtu)
        return 0;
    if (!json_is_integer(mtu) || json_integer_value(mtu) < MTU_MIN ||
        json_integer_value(mtu) > MTU_MAX)
        return seed_fail(why, "%s.mtu must be from %d to %d", path, MTU_MIN,
                         MTU_MAX);
    return json_object_set(port, "mtu", (json_t *)mtu);
}

static int add_addresses(json_t *port, const json_t *from, const char *path,
                         char why[SEED_SENTENCE_BYTES])
{
    const json_t *dhcp = json_object_get(from, "dhcp");
    json_t *addresses = NULL;

    if (dhcp && !json_is_boolean(dhcp))
        return seed_fail(why, "%s.dhcp must be true or false", path);
    if (take_list(from, "addresses", path, "an address such as '10.0.0.5/24'",
                  cidr_ok, &addresses, why) < 0)
        return -1;
    if (!addresses && !json_is_true(dhcp))
        return seed_fail(why, "%s must have 'addresses' or 'dhcp' as true",
                         path);
    if (addresses)
        (void)json_object_set(port, "addresses", addresses);
    return json_object_set_new(port, "dhcp4",
                               json_boolean(json_is_true(dhcp)));
}

static json_t *make_port(const json_t *from, const char *path,
                         char why[SEED_SENTENCE_BYTES])
{
    static const char *const known[] = {"mac",    "dhcp", "addresses",
                                        "gateway", "dns", "search",
                                        "mtu",    NULL};
    char mac[MAC_BYTES];

    if (seed_members(from, path, known, why) < 0)
        return NULL;
    if (mac_format(json_object_get(from, "mac"), mac) < 0) {
        (void)seed_fail(why,
                        "%s.mac must be a MAC address such as "
                        "'52:54:00:12:34:56'",
                        path);
        return NULL;
    }
    json_t *port = json_pack("{s:{s:s}}", "match", "macaddress", mac);
    if (port && add_addresses(port, from, path, why) == 0 &&
        add_gateway(port, from, path, why) == 0 &&
        add_names(port, from, path, why) == 0 &&
        add_mtu(port, from, path, why) == 0)
        return port;
    json_decref(port);
    return NULL;
}

json_t *seed_network(const json_t *ports, char why[SEED_SENTENCE_BYTES])
{
    if (!json_is_array(ports) || json_array_size(ports) == 0 ||
        json_array_size(ports) > PORTS_MAX) {
        (void)seed_fail(why, "network must be an array of 1 to %d ports",
                        PORTS_MAX);
        return NULL;
    }
    json_t *ethernets = json_object();
    for (size_t i = 0; i < json_array_size(ports); i++) {
        char path[PATH_BYTES], name[32];
        (void)snprintf(path, sizeof(path), "network[%zu]", i);
        (void)snprintf(name, sizeof(name), "port%zu", i);
        json_t *port = make_port(json_array_get(ports, i), path, why);
        if (!port) {
            json_decref(ethernets);
            return NULL;
        }
        (void)json_object_set_new(ethernets, name, port);
    }
    return json_pack("{s:i, s:o}", "version", 2, "ethernets", ethernets);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and codes of sessions, both derived from the site's secret. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/server/sessions/session-internal.h"

/* 256 short words that sound unlike each other: one for each byte, so that
 * four of them carry 32 bits, which an attacker cannot search for because the
 * derivation needs the site's secret. */
/* clang-format off: a list */
static const char words[256][8] = {
    "acorn",   "album",   "amber",   "angle",   "ankle",   "apple",   "april",
    "apron",   "arena",   "arrow",   "atlas",   "autumn",  "badge",   "bagel",
    "balcony", "bamboo",  "banana",  "banjo",   "barrel",  "basket",  "beach",
    "beaver",  "bench",   "berry",   "birch",   "biscuit", "blanket", "blossom",
    "border",  "bottle",  "boulder", "branch",  "brass",   "bread",   "brick",
    "bridge",  "bronze",  "brush",   "bubble",  "bucket",  "buffalo", "bugle",
    "butter",  "cabin",   "cactus",  "camel",   "camera",  "candle",  "canoe",
    "canyon",  "carpet",  "carrot",  "castle",  "cattle",  "cello",   "cement",
    "chalk",   "cherry",  "chimney", "cider",   "citrus",  "clover",  "cobalt",
    "cobra",   "coffee",  "comet",   "compass", "copper",  "coral",   "cotton",
    "cousin",  "cradle",  "crater",  "cricket", "crown",   "crystal", "cuckoo",
    "cycle",   "dagger",  "daisy",   "dancer",  "denim",   "desert",  "dinner",
    "dollar",  "dolphin", "donkey",  "dragon",  "drum",    "eagle",   "easel",
    "ebony",   "eclipse", "elbow",   "ember",   "engine",  "estate",  "fabric",
    "falcon",  "farmer",  "feather", "fiction", "fiddle",  "flannel", "flute",
    "forest",  "fossil",  "fox",     "galaxy",  "garden",  "garlic",  "gazelle",
    "giant",   "ginger",  "globe",   "goblet",  "gravel",  "guitar",  "hammer",
    "harbor",  "harvest", "hedge",   "helmet",  "heron",   "hollow",  "honey",
    "hornet",  "husky",   "igloo",   "indigo",  "insect",  "island",  "jacket",
    "jaguar",  "jasmine", "jersey",  "jigsaw",  "jungle",  "kayak",   "kernel",
    "kettle",  "kitten",  "koala",   "ladder",  "lagoon",  "lantern", "laurel",
    "lemon",   "lentil",  "leopard", "lily",    "linen",   "lizard",  "lobster",
    "locket",  "lotus",   "lumber",  "magnet",  "mango",   "maple",   "meadow",
    "melon",   "mirror",  "mitten",  "monkey",  "mosaic",  "muffin",  "mustard",
    "nectar",  "needle",  "nickel",  "noodle",  "nutmeg",  "oasis",   "ocean",
    "olive",   "onion",   "opera",   "orange",  "orbit",   "orchid",  "otter",
    "oyster",  "paddle",  "panda",   "panther", "paper",   "parade",  "parrot",
    "pasta",   "peanut",  "pebble",  "pepper",  "piano",   "pigeon",  "pillow",
    "pirate",  "planet",  "plaza",   "pocket",  "poplar",  "potato",  "prism",
    "pumpkin", "puzzle",  "quartz",  "quilt",   "rabbit",  "radish",  "raisin",
    "ranger",  "raven",   "ribbon",  "river",   "rocket",  "saddle",  "salmon",
    "satin",   "saturn",  "scarf",   "shadow",  "sherry",  "spider",  "spruce",
    "squash",  "stable",  "summer",  "swallow", "tailor",  "tango",   "teapot",
    "temple",  "thunder", "ticket",  "tiger",   "timber",  "toast",   "topaz",
    "tulip",   "tundra",  "turnip",  "turtle",  "umbra",   "valley",  "vanilla",
    "velvet",  "violin",  "walnut",  "walrus",  "willow",  "window",  "winter",
    "yogurt",  "zebra",   "zenith",  "zipper",
};
/* clang-format on */

static void derive(const struct sessions *sessions, const char *purpose,
                   const char *id, const char *key, struct digest *ret)
{
    char text[160];
    int length = snprintf(text, sizeof(text), "%s/%s/%s", purpose, id, key);
    hmac_sha256(sessions->derive.bytes, sizeof(sessions->derive.bytes), text,
                (size_t)length, ret);
}

int session_token(const struct sessions *sessions, const char *id,
                  const char *key, char ret[MESSAGE_TOKEN_BYTES])
{
    struct digest digest;
    derive(sessions, "token", id, key, &digest);
    char *text = base64url_format(digest.bytes, sizeof(digest.bytes));
    secret_wipe(&digest, sizeof(digest));
    if (!text)
        return -1;
    snprintf(ret, MESSAGE_TOKEN_BYTES, "%s", text);
    secret_wipe(text, strlen(text));
    free(text);
    return 0;
}

void session_code(const struct sessions *sessions, const char *id,
                  const char *key, char ret[MESSAGE_NAME_BYTES])
{
    struct digest d;
    derive(sessions, "code", id, key, &d);
    snprintf(ret, MESSAGE_NAME_BYTES, "%s %s %s %s", words[d.bytes[0]],
             words[d.bytes[1]], words[d.bytes[2]], words[d.bytes[3]]);
}

/* The next letter, in lower case; 0 at the end. */
static int next_letter(const char **at)
{
    while (**at && !isalpha((unsigned char)**at))
        ++*at;
    return **at ? tolower((unsigned char)*(*at)++) : 0;
}

bool session_code_equal(const char *code, const char *written)
{
    int a, b;
    do {
        a = next_letter(&code);
        b = next_letter(&written);
    } while (a && a == b);
    return a == b;
}

void session_token_hash(const char *token, char ret[DIGEST_HEX_BYTES])
{
    struct digest digest;
    digest_of(token, strlen(token), &digest);
    digest_hex(&digest, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile/match.h"

#include <string.h>

#include "core/util/pattern.h"

static bool known(const char *text)
{
    return text && *text;
}

static int match_arch(const struct profile *profile,
                      const struct match_facts *facts, bool complete,
                      struct err *err)
{
    if (profile->arch_count == 0)
        return 0;
    if (!known(facts->arch)) {
        if (!complete)
            return 0;
        return err_set(err, ERR_NOT_APPLICABLE,
                       "profile '%s' fits certain architectures only and that "
                       "of host '%s' is not known",
                       profile->name, facts->host_name);
    }
    for (size_t i = 0; i < profile->arch_count; i++)
        if (strcmp(profile->arch[i], facts->arch) == 0)
            return 0;
    return err_set(err, ERR_NOT_APPLICABLE,
                   "profile '%s' is not for architecture '%s' of host '%s' "
                   "($.match.arch)",
                   profile->name, facts->arch, facts->host_name);
}

static int match_gate(const struct profile *profile,
                      const struct profile_gate *gate, const char *what,
                      const char *value, const struct match_facts *facts,
                      bool complete, struct err *err)
{
    if (!gate->pattern || (!known(value) && !complete))
        return 0;
    if (known(value) && pattern_matches(gate->pattern, value))
        return 0;
    return err_set(err, ERR_NOT_APPLICABLE,
                   "profile '%s' asks for a %s like '%s' but that of host '%s' "
                   "is '%s' ($.match.%s)",
                   profile->name, what, gate->text, facts->host_name,
                   known(value) ? value : "", what);
}

static int match_labels(const struct profile *profile,
                        const struct match_facts *facts, struct err *err)
{
    const char *name;
    json_t *want;
    json_object_foreach(profile->labels, name, want)
    {
        const char *has =
            json_string_value(json_object_get(facts->labels, name));
        if (has && strcmp(has, json_string_value(want)) == 0)
            continue;
        return err_set(err, ERR_NOT_APPLICABLE,
                       "profile '%s' asks for label %s=%s but host '%s' has "
                       "%s%s ($.match.labels)",
                       profile->name, name, json_string_value(want),
                       facts->host_name, has ? "" : "no such label",
                       has ? has : "");
    }
    return 0;
}

int match_check(const struct profile *profile, const struct match_facts *facts,
                bool complete, struct err *err)
{
    int code = match_arch(profile, facts, complete, err);
    if (!code)
        code = match_gate(profile, &profile->vendor, "vendor", facts->vendor,
                          facts, complete, err);
    if (!code)
        code = match_gate(profile, &profile->product, "product", facts->product,
                          facts, complete, err);
    if (!code)
        code = match_labels(profile, facts, err);
    return code;
}

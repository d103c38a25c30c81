# SPDX-License-Identifier: Apache-2.0
# Writes JSON files as a table of C strings: struct { file, text }.
BEGIN {
    print "/* Made by core/server/rest/schema/embed.awk. */"
    print "static const struct {\n    const char *file;\n    const char *text;"
    print "} schema_texts[] = {"
}
FNR == 1 {
    if (NR > 1)
        print "    },"
    name = FILENAME
    sub(/.*\//, "", name)
    printf "    {\"%s\",\n", name
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\"")
    printf "     \"%s\\n\"\n", $0
}
END { print "    },\n};" }

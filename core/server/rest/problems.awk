# SPDX-License-Identifier: Apache-2.0
# Makes of problems.list the table of problem.c (to=c) or the manual page (to=pod).
# As string literals of one line each.
function c_text(text,    result, cut) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    while (length(text) > 68) {
        for (cut = 68; cut > 1 && substr(text, cut, 1) != " "; cut--)
            ;
        result = result "\"" substr(text, 1, cut) "\"\n     "
        text = substr(text, cut + 1)
    }
    return result "\"" text "\""
}
function pod_text(text) {
    gsub(/</, "E<lt>", text)
    gsub(/>/, "E<gt>", text)
    return text
}
function entry() {
    if (id == "")
        return
    if (meaning == "" || remedy == "") {
        print FILENAME ": '" id "' lacks what it means or what to do" > "/dev/stderr"
        exit 1
    }
    if (to == "c")
        printf "    {%s, %d, %s,\n     %s,\n     %s},\n", c_text(id), status,
               c_text(title), c_text(meaning), c_text(remedy)
    else
        printf "=item B<%s> (%d, %s)\n\n%s\n\nI<What to do:> %s\n\n", id, status,
               pod_text(title), pod_text(meaning), pod_text(remedy)
}
BEGIN {
    if (to == "c") {
        print "/* Made by core/server/rest/problems.awk. */"
    } else {
        print "=encoding utf8\n"
        print "=head1 NAME\n"
        print "slipway-problems - what slipwayd may answer instead of doing it\n"
        print "=head1 DESCRIPTION\n"
        print "A request that is not carried out is answered with a problem document (RFC 9457). Its C<type> is"
        print "F</api/v1/problems/ID>: the server shows the text below there, to browsers as a page, and"
        print "C<slipway explain ID> prints it. C<detail> says what was wrong with this one request, C<instance>"
        print "has the request id that stands in the server's log.\n"
        print "=head1 PROBLEMS\n\n=over\n"
    }
}
/^#/ || /^$/ { next }
/^[a-z]/ {
    entry()
    id = $1; status = $2; title = $0; meaning = ""; remedy = ""
    sub(/^[^ ]+ [0-9]+ /, "", title)
    next
}
/^  > / { remedy = remedy (remedy == "" ? "" : " ") substr($0, 5); next }
/^  / { meaning = meaning (meaning == "" ? "" : " ") substr($0, 3); next }
{
    print FILENAME ":" FNR ": not understood: " $0 > "/dev/stderr"
    exit 1
}
END {
    entry()
    if (to == "pod")
        print "=back\n\n=head1 SEE ALSO\n\nL<slipway-explain(1)>, L<slipwayd(8)>"
}

# SPDX-License-Identifier: Apache-2.0
# REST by curl.  Source functions.sh and engine.sh (the server) first.
#
#   call METHOD PATH [CURL ARGUMENT...]   sets $status, $body and $headers
#   send METHOD PATH JSON [CURL ARGUMENT...]
#   etag                                  of the last reply
#   token=                                whose token is sent, the admin's first

token=
call () {
  local method=$1 path=$2; shift 2
  [ -n "$token" ] || token=$(cat "$state/admin-token")
  : > "$TEST_DIR/body"
  status=$(curl -sS --max-time 30 --cacert "$state/site/ca.pem" -X "$method" \
    -H "Authorization: Bearer $token" -D "$TEST_DIR/headers" -o "$TEST_DIR/body" \
    -w '%{http_code}' "https://127.0.0.1:$tls_port$path" "$@") || status=none
  body=$(cat "$TEST_DIR/body")
  headers=$(tr -d '\r' < "$TEST_DIR/headers")
}
send () {
  local method=$1 path=$2 data=$3; shift 3
  call "$method" "$path" -H 'Content-Type: application/json' --data "$data" "$@"
}
etag () { sed -n 's/^[Ee][Tt][Aa][Gg]: //p' <<< "$headers"; }
# problem ID STATUS NAME: the last reply was this problem, and says why.
problem () {
  is "$status $(jq -r '.type + " " + (.detail | length > 10 | tostring)' <<< "$body")" \
    "$2 /api/v1/problems/$1 true" "$3"
}

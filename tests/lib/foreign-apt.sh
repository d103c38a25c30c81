# SPDX-License-Identifier: Apache-2.0
# Debian packages of another architecture, for scripts that unpack them and
# install nothing:
#   foreign_apt ARCH FOLDER   lists of their own below FOLDER; from then on
#                             apt is about that architecture alone

foreign_apt () {
  local arch=$1 work=$2
  # An empty status file makes apt fetch the whole closure.
  mkdir -p "$work"/{lists/partial,archives/partial}
  : > "$work/status"
  cat > "$work/apt.conf" <<END
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State::status "$work/status";
Dir::State::Lists "$work/lists";
Dir::Cache::Archives "$work/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
  export APT_CONFIG=$work/apt.conf
  # A mirror in the middle of its own update breaks one suite; the others still
  # hold everything that is asked for.
  apt-get -qq update 2> "$work/update.log" ||
    echo "some package lists for $arch could not be fetched, trying without them" >&2
}

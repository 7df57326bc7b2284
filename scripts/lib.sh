# Shared by the scripts of this folder: messages, package installation. Sourced, never run.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
fail_usage() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 2; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

distribution_codename() { . /etc/os-release; printf '%s' "${VERSION_CODENAME:-}"; }

# Debian 12 carries libbpf 1.1 and no libopentelemetry-proto-dev; both come from its backports suite, whose address
# is the one this system's own sources use.
enable_backports() {
  local codename list=/etc/apt/sources.list.d/wirespan-backports.sources uri key
  codename=$(distribution_codename)
  [ "$codename" = bookworm ] || return 0
  [ ! -s "$list" ] || return 0
  uri=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  [ -n "$uri" ] || uri=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^[a-z+]+:\/\//){print $i; exit}}' /etc/apt/sources.list 2>/dev/null || true)
  [ -n "$uri" ] || fail "cannot find the address of Debian's archive in /etc/apt; add the $codename-backports suite by hand"
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\nSigned-By: %s\n' "$uri" "$codename" "$key" |
    as_root tee "$list" >/dev/null
  touch_apt_index=1
}

# Packages that must not come from the base suite of Debian 12.
backported=(libbpf-dev bpftool libopentelemetry-proto-dev)

package_is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

package_is_current() {
  package_is_installed "$1" || return 1
  case "$1" in
    libbpf-dev) dpkg --compare-versions "$(dpkg-query -W -f='${Version}' libbpf-dev)" ge 1:1.4 ;;
    bpftool) dpkg --compare-versions "$(dpkg-query -W -f='${Version}' bpftool)" ge 7.4 ;;
  esac
}

install_packages() {
  local missing=() from_backports=() package touch_apt_index=0
  enable_backports
  for package in "$@"; do package_is_current "$package" || missing+=("$package"); done
  if [ ${#missing[@]} = 0 ]; then say "packages: all $# present"; return 0; fi
  say "packages: installing ${#missing[@]} of $#: ${missing[*]}"
  as_root apt-get update -qq || fail "apt-get update failed; is the package archive reachable?"
  if [ "$(distribution_codename)" = bookworm ]; then
    for package in "${backported[@]}"; do
      [[ " ${missing[*]} " == *" $package "* ]] && from_backports+=("$package")
    done
  fi
  if [ ${#from_backports[@]} -gt 0 ]; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -t bookworm-backports \
      "${from_backports[@]}" >/dev/null || fail "apt-get install from backports failed: ${from_backports[*]}"
  fi
  # policy-rc.d: a package's daemon must not start on the developer's machine because a test wants its binary.
  local guard=/usr/sbin/policy-rc.d made_guard=0
  if [ ! -e $guard ]; then printf '#!/bin/sh\nexit 101\n' | as_root tee $guard >/dev/null; as_root chmod 755 $guard; made_guard=1; fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    { [ $made_guard = 0 ] || as_root rm -f $guard; fail "apt-get install failed: ${missing[*]}"; }
  [ $made_guard = 0 ] || as_root rm -f $guard
  say "packages: done"
}

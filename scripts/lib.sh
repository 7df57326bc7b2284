# Shared by the scripts of this folder: messages, package installation. Sourced, never run.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
fail_usage() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo -n "$@"
  else fail "needs root for: $*; there is no sudo here"
  fi
}

# with_progress LOG WHAT COMMAND...: runs the command with its output in LOG; says every half minute how far it is, by the last
# `[n/m]` (ninja) or `n/m Test` (ctest) there. The command's status.
with_progress() {
  local log=$1 what=$2 status=0 ticker step; shift 2
  : >"$log"
  {
    while sleep 30 >/dev/null 2>&1; do  # what it leaves behind holds nothing of ours
      step=$(grep -aoE '^(\[[0-9]+/[0-9]+\]| *[0-9]+/[0-9]+ Test)' "$log" | tail -n 1 | grep -oE '[0-9]+/[0-9]+' || true)
      [ -z "$step" ] || say "$what: $step"
    done
  } </dev/null &
  ticker=$!
  "$@" >"$log" 2>&1 || status=$?
  kill $ticker 2>/dev/null || true
  wait $ticker 2>/dev/null || true
  return $status
}

# What the compiler said in the log of a build that failed.
show_errors() { grep -aE -A 12 'error|FAILED' "$1" | head -n 60 >&2 || tail -n 30 "$1" >&2; }

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

# Services that start with the system.
enabled_services() { ls /etc/systemd/system/multi-user.target.wants 2>/dev/null | sort || true; }

# apt_install OPTIONS... PACKAGES...: quietly. A package's daemon must not start on the developer's machine because a test wants its
# binary: not now (policy-rc.d, which goes away however this ends), and not when the system starts next.
apt_install() (
  guard=/usr/sbin/policy-rc.d
  before=$(enabled_services)
  if [ ! -e $guard ]; then
    trap 'as_root rm -f $guard' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee $guard >/dev/null
    as_root chmod 755 $guard
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || exit 1
  command -v systemctl >/dev/null || exit 0
  for service in $(comm -13 <(printf '%s\n' "$before") <(enabled_services)); do
    as_root systemctl disable -q "$service" 2>/dev/null || say "could not keep $service from starting with the system"
  done
)

install_packages() {
  local missing=() from_backports=() package
  enable_backports
  for package in "$@"; do package_is_current "$package" || missing+=("$package"); done
  if [ ${#missing[@]} = 0 ]; then say "packages: all $# present"; return 0; fi
  say "packages: installing ${#missing[@]} of $# (minutes, the first time): ${missing[*]}"
  as_root apt-get update -qq || fail "apt-get update failed; is the package archive reachable?"
  if [ "$(distribution_codename)" = bookworm ]; then
    for package in "${backported[@]}"; do
      [[ " ${missing[*]} " == *" $package "* ]] && from_backports+=("$package")
    done
  fi
  if [ ${#from_backports[@]} -gt 0 ]; then
    apt_install -t bookworm-backports "${from_backports[@]}" || fail "apt-get install from backports failed: ${from_backports[*]}"
  fi
  apt_install "${missing[@]}" || fail "apt-get install failed: ${missing[*]}"
  say "packages: done"
}

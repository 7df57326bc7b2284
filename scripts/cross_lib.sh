# Another architecture's packages, unpacked: to build against, and as a guest's system. Nothing of them runs here. Sourced after
# scripts/vm_lib.sh.

cross_sysroot_packages=(libc6-dev linux-libc-dev libelf-dev zlib1g-dev libiberty-dev liblzma-dev libzstd-dev
  libbpf-dev libbpfcc-dev libprotobuf-dev libgrpc++-dev libopentelemetry-proto-dev libspdlog-dev libfmt-dev libcli11-dev libyaml-cpp-dev
  nlohmann-json3-dev libcurl4-openssl-dev libcpp-httplib-dev libisal-dev libgtest-dev libgmock-dev libnghttp2-dev)
cross_root_packages=(bash coreutils util-linux mount grep sed findutils mawk tar gzip hostname libc-bin base-files base-passwd login passwd
  dash debianutils "${guest_packages//,/ }")

# package_tree ARCH PACKAGE...: the folder that holds these packages and what they depend on, of this system's release.
package_tree() {
  local arch=$1 release suites=() wanted=() package tree state deb; shift
  release=$(distribution_codename)
  tree=$cache/tree-$arch-$release-$(printf '%s' "$*" | sha256sum | cut -c 1-12)
  if [ ! -d "$tree" ]; then
    say "vm: fetching packages of $arch ($release; once, half a minute)"
    suites=("$release")
    [ "$release" != bookworm ] || suites+=(bookworm-backports)
    for package in $*; do
      # As install_packages of scripts/lib.sh does.
      if [ "$release" = bookworm ] && [[ " ${backported[*]} " == *" $package "* ]]; then package=$package/bookworm-backports; fi
      wanted+=("$package")
    done
    state=$work/apt-$arch
    apt_state "$state" "$arch" "${suites[@]}"
    apt-get -c "$state/apt.conf" install -y -qq --download-only "${wanted[@]}" >"$state/log" 2>&1 ||
      { tail -n 5 "$state/log" >&2; fail "cannot fetch packages of $arch"; }
    mkdir -p "$work/tree"/usr/{bin,sbin,lib}
    for deb in bin sbin lib; do ln -s "usr/$deb" "$work/tree/$deb"; done
    for deb in "$state"/cache/archives/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$work/tree"; done
    mv "$work/tree" "$tree"
    rm -rf "$state"
  fi
  printf '%s' "$tree"
}

# With the C++ library of the compiler that builds for it.
cross_sysroot() { package_tree "$1" "libstdc++-$(aarch64-linux-gnu-g++ -dumpversion | cut -d. -f1)-dev" "${cross_sysroot_packages[@]}"; }

# The guest's system of another architecture, as root_image makes this one's: no package was configured, and what the tests need of
# that is done here.
cross_root_image() {
  local arch=$1 tree image
  tree=$(package_tree "$arch" "${cross_root_packages[@]}")
  image=$tree.cpio
  if [ ! -s "$image" ]; then
    rm -rf "$tree"/usr/share/{doc,man,locale,i18n,info} "$tree"/dev/*
    cp "$tree/usr/share/base-passwd/passwd.master" "$tree/etc/passwd"
    cp "$tree/usr/share/base-passwd/group.master" "$tree/etc/group"
    ln -sf mawk "$tree/usr/bin/awk"
    printf 'vm\n' >"$tree/etc/hostname"
    printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$tree/etc/hosts"
    (cd "$tree" && find . -print0 | cpio -o -0 -H newc --quiet -R 0:0) >"$work/root.cpio"
    mv "$work/root.cpio" "$image"
  fi
  printf '%s' "$image"
}

# Guests under qemu, shared by scripts/vm_test and tests/bench/boot_guest: their system, their kernels, how they start. Sourced after
# scripts/lib.sh, with the folder `work` set, which the caller removes; no KVM, no disk and no network: all is in memory.
# Images and kernels are kept; packages come from where this system's own apt takes them, with an apt state apart.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/wirespan/vm
mkdir -p "$cache"

# The kernels of tests/kernel/kernels.txt: name -> Debian suite, name -> architecture. A name is a version, and the architecture where
# that is not this machine's.
own_arch=$(dpkg --print-architecture)
declare -A suite_of arch_of
while read -r version suite arch; do
  [[ -z $version || $version == \#* ]] || { suite_of[$version]=$suite; arch_of[$version]=${arch:-$own_arch}; }
done <tests/kernel/kernels.txt

archive_uri() {
  local uri
  uri=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  [ -n "$uri" ] || uri=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^[a-z+]+:\/\//){print $i; exit}}' /etc/apt/sources.list 2>/dev/null || true)
  [ -n "$uri" ] || fail "cannot find the address of Debian's archive in /etc/apt"
  printf '%s' "$uri"
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The guest's system: the same Debian release as this one, so that our binaries and their libraries fit.
guest_packages=python3,nginx-light,curl,iproute2,procps,bpftool,busybox-static,kmod
root_image() {
  local release name image tree
  release=$(distribution_codename)
  name=root-$release-$(printf '%s' "$guest_packages" | sha256sum | cut -c 1-12).cpio
  image=$cache/$name
  if [ ! -s "$image" ]; then
    say "vm: building the guest's system ($release; once, about two minutes)"
    tree=$work/tree
    mmdebstrap --variant=minbase --mode=root --quiet --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' --include="$guest_packages" \
      "$release" "$tree" "deb [signed-by=$keyring] $(archive_uri) $release main" >"$work/mmdebstrap.log" 2>&1 ||
      { tail -n 20 "$work/mmdebstrap.log" >&2; fail "mmdebstrap failed"; }
    rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/* "$tree"/etc/apt/sources.list* "$tree"/dev/*
    printf 'vm\n' >"$tree/etc/hostname"
    printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$tree/etc/hosts"
    (cd "$tree" && find . -print0 | cpio -o -0 -H newc --quiet) >"$work/$name"
    mv "$work/$name" "$image"
    rm -rf "$tree"
  fi
  printf '%s' "$image"
}

# apt_state DIR ARCH SUITE...: an apt of its own, for packages of that architecture, whatever is installed here; DIR/apt.conf.
apt_state() {
  local state=$1 arch=$2 suite; shift 2
  mkdir -p "$state"/{lists/partial,cache/archives/partial,deb}
  : >"$state/status"
  for suite in "$@"; do printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(archive_uri)" "$suite"; done >"$state/sources.list"
  printf '%s\n' "Dir::Etc::SourceList \"$state/sources.list\";" 'Dir::Etc::SourceParts "-";' 'Dir::Etc::Parts "-";' "Dir::State::Lists \"$state/lists\";" \
    "Dir::State::status \"$state/status\";" "Dir::Cache \"$state/cache\";" 'APT::Sandbox::User "root";' 'Acquire::Languages "none";' \
    'APT::Install-Recommends "false";' "APT::Architecture \"$arch\";" "APT::Architectures {\"$arch\";};" >"$state/apt.conf"
  apt-get -c "$state/apt.conf" update -qq >"$state/log" 2>&1 || { tail -n 5 "$state/log" >&2; fail "apt-get update for $* failed"; }
}

# kernel_image NAME: the newest build of that version in its suite, without drivers of real hardware (the `cloud` flavour).
kernel_image() {
  local name=$1 version=${1%%-*} suite=${suite_of[$1]} arch=${arch_of[$1]} image=$cache/vmlinuz-$1 state package
  if [ ! -s "$image" ]; then
    say "vm: fetching kernel $name from $suite"
    state=$work/apt-$name
    apt_state "$state" "$arch" "$suite"
    package=$(apt-cache -c "$state/apt.conf" pkgnames "linux-image-$version" | grep -E "^linux-image-${version//./\\.}[.0-9+a-z~-]*-cloud-$arch$" | sort -V | tail -n 1)
    [ -n "$package" ] || fail "no linux-image-$version*-cloud-$arch in $suite"
    (cd "$state/deb" && apt-get -c "$state/apt.conf" download -qq "$package" >>"$state/log" 2>&1) || { tail -n 5 "$state/log" >&2; fail "cannot fetch $package"; }
    dpkg-deb -x "$state"/deb/*.deb "$state/x"
    cp "$state"/x/boot/vmlinuz-* "$work/vmlinuz" && mv "$work/vmlinuz" "$image"
    rm -rf "$state"
  fi
  printf '%s' "$image"
}

# libraries_of BINARY [TREE]: what it links beyond the C library (a static one: nothing); of another architecture, as they lie in TREE.
libraries_of() {
  local binary=$1 tree=${2:-} name path
  if [ -z "$tree" ]; then
    { ldd "$binary" 2>/dev/null || true; } | awk '$3 ~ /^\// && $3 !~ /\/(libc|libm|libpthread|libdl|librt|libresolv)\.so/ {print $3}'
    return
  fi
  for name in $(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    [[ ! $name =~ ^(libc|libm|libpthread|libdl|librt|libresolv|ld-linux-.*)\.so ]] || continue
    path=$(find "$tree"/usr/lib/*-linux-gnu -maxdepth 1 -name "$name" | head -n 1)
    [ -n "$path" ] || fail "$name, which $binary needs, is not in the tree of packages"
    [[ " ${found_libraries:-} " != *" $path "* ]] || continue
    found_libraries="${found_libraries:-} $path"
    printf '%s\n' "${path#"$tree"}"
    libraries_of "$path" "$tree"
  done
}

# copy_with_libraries BINARY TARGET [TREE]
copy_with_libraries() {
  local binary=$1 target=$2 tree=${3:-} library found_libraries=''
  cp "$binary" "$target"
  libraries_of "$binary" "$tree" | sort -u | while read -r library; do
    mkdir -p "$work/top$(dirname "$library")"
    cp -Ln "$tree$library" "$work/top$library"
  done
}

# copy_agent BUILD FOLDER [TREE]: the program and, beside it, the module that it loads for OTLP/gRPC.
copy_agent() {
  copy_with_libraries "$1/agent/wirespan" "$2/wirespan" "${3:-}"
  copy_with_libraries "$1/agent/wirespan_grpc.so" "$2/wirespan_grpc.so" "${3:-}"
}

# make_initrd ROOT COMMAND: the guest's system with $work/top over it, as $work/initrd; PID 1 runs COMMAND, a path in the guest.
make_initrd() {
  local root=$1 command=$2 top=$work/top
  install -m 755 tests/kernel/guest_init "$top/init"
  mkdir -p "$top/opt/wirespan"
  ln -sfn "$command" "$top/opt/wirespan/command"
  # Debian's merged /usr: a real /lib in the overlay would hide the guest's link.
  if [ -d "$top/lib" ]; then mkdir -p "$top/usr"; cp -a "$top/lib" "$top/usr/"; rm -rf "$top/lib"; fi
  (cd "$top" && find . -mindepth 1 -print0 | cpio -o -0 -H newc --quiet -R 0:0) >"$work/top.cpio"
  cat "$root" "$work/top.cpio" >"$work/initrd"
}

# start_guest NAME KERNEL OPTIONS...: boots $work/initrd behind the caller's back; sets `qemu` to the emulator's pid. What the guest
# says is in $work/console-NAME, what its command writes in $work/result-NAME. cx16 off: cmpxchg16b under TCG crashes newer kernels.
start_guest() {
  local name=$1 kernel=$2 machine append='loglevel=5 nokaslr panic=-1 mitigations=off nowatchdog random.trust_cpu=on'; shift 2
  : >"$work/result-$name"
  if [ "${arch_of[$name]}" = arm64 ]; then
    machine=(qemu-system-aarch64 -cpu cortex-a72 -machine virt -serial "file:$work/console-$name"
      -chardev "file,id=results,path=$work/result-$name" -device pci-serial,chardev=results)
    append="console=ttyAMA0 results=ttyS0 $append"
  else
    machine=(qemu-system-x86_64 -cpu max,-cx16,la57=off -machine q35,vmport=off -serial "file:$work/console-$name" -serial "file:$work/result-$name")
    append="console=ttyS0 results=ttyS1 $append tsc=reliable no_timer_check"
  fi
  "${machine[@]}" "$@" -nodefaults -no-user-config -display none -no-reboot \
    -monitor "unix:$work/monitor,server,nowait" -kernel "$kernel" -initrd "$work/initrd" -append "$append" \
    </dev/null >"$work/qemu-$name" 2>&1 &
  qemu=$!
}

# What a verb needs before it can work: rights, kernel, programs, build. Sourced by ./dev.

PACKAGES_RUN=(iproute2 util-linux jq redis-server redis-tools clang zlib1g-dev)
PACKAGES_TEST=("${PACKAGES_RUN[@]}" memcached python3 postgresql)
PACKAGES_BENCH=("${PACKAGES_TEST[@]}" runc bubblewrap podman)

# No build server outlives its command.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
BUILD_FLAGS=(-c Release -v quiet -nologo -p:UseSharedCompilation=false)
BUILD_LOG=artifacts/build.log
SILO_PROGRAM=artifacts/bin/ContainerGrains.Silo/release/containergrains-silo
CLIENT_PROGRAM=artifacts/bin/DemoClient/release/DemoClient
CG_PROGRAM=artifacts/cg/cg

say() { printf '%s\n' "$*" >&2; }
die() { say "dev: $*"; exit 1; }

# Runs a program so that a signal to this script takes effect at once and not when the program has ended.
ATTENDED=""
attended() {
    local code=0
    "$@" &
    ATTENDED=$!
    wait "$ATTENDED" || code=$?
    ATTENDED=""
    return "$code"
}

interrupted() {
    if [[ -n "$ATTENDED" ]]; then
        kill -TERM "$ATTENDED" 2>/dev/null || true
        wait "$ATTENDED" 2>/dev/null || true
    fi
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM HUP

setup_run() {
    need_root; need_dotnet; need_kernel
    need_packages "${PACKAGES_RUN[@]}"
    build_run
}

setup_test() {
    need_root; need_dotnet; need_kernel
    need_packages "${PACKAGES_TEST[@]}"
}

setup_bench() {
    need_root; need_dotnet; need_kernel
    need_packages "${PACKAGES_BENCH[@]}"
    build_run
}

need_root() { ((EUID == 0)) || die "containers are made of namespaces and cgroups: run it as root (sudo ./dev ...)."; }

need_dotnet() {
    command -v dotnet >/dev/null && dotnet --list-sdks 2>/dev/null | grep -q '^10\.' ||
        die "the .NET 10 SDK is missing: install it from https://dotnet.microsoft.com/download and put 'dotnet' into PATH."
}

need_kernel() {
    local release; release="$(uname -r)"
    [[ "$(uname -m)" == x86_64 ]] || die "this works on x86-64, and this machine is $(uname -m)."
    local major="${release%%.*}" minor="${release#*.}"; minor="${minor%%[!0-9]*}"
    ((major > 6 || (major == 6 && minor >= 7))) ||
        die "kernel $release lacks the PAGEMAP_SCAN ioctl (6.7): install a newer one, on Debian 12 'apt install -t bookworm-backports linux-image-amd64', and reboot."
    grep -q ' cgroup2 ' /proc/self/mounts ||
        die "no cgroup v2 hierarchy is mounted: mount one with 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified'."
    local file
    for file in net mnt pid uts ipc cgroup; do
        [[ -e /proc/self/ns/$file ]] || die "kernel $release has no $file namespaces: boot one that has."
    done
    grep -q overlay /proc/filesystems || modprobe overlay 2>/dev/null || die "kernel $release has no overlay file system: load or build the module 'overlay'."
    [[ "$(cat /proc/sys/vm/overcommit_memory 2>/dev/null)" != 2 ]] || die "strict overcommit hinders restoring of memory: set it back with 'sysctl vm.overcommit_memory=0'."
    command -v unshare >/dev/null && command -v ip >/dev/null || return 0
    unshare --net sh -c 'ip link add cg0 type bridge && ip link add cg1 type veth peer name cg2 && ip link set cg1 master cg0' 2>/dev/null ||
        die "this kernel or container cannot make bridges and veth pairs: load the modules 'bridge' and 'veth', or run on a machine of its own."
}

# Installs what is missing. Programs only: a service that comes with a package is neither started nor enabled.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "install these first, there is no apt-get here: ${missing[*]}."
    say "installing ${missing[*]}"
    local policy=/usr/sbin/policy-rc.d ours=0
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        ours=1
    fi
    local code=0
    apt_install "${missing[@]}" >&2 || code=$?
    ((ours == 0)) || rm -f $policy
    ((code == 0)) || die "apt-get could not install ${missing[*]}: see its words above."
    local unit
    for unit in redis-server memcached postgresql; do
        [[ " ${missing[*]} " == *" $unit "* && -d /run/systemd/system ]] && systemctl disable --now "$unit" >/dev/null 2>&1 || true
    done
}

apt_install() {
    local options=(-qq -y --no-install-recommends -o Dpkg::Use-Pty=0)
    DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "$@" 2>/dev/null ||
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "$@"; }
}

# The silo, the demo's client, and cg as native code.
build_run() {
    if ((NO_BUILD)); then
        [[ -x $SILO_PROGRAM && -x $CLIENT_PROGRAM && -x $CG_PROGRAM ]] || die "nothing is built yet: leave --no-build away."
        return
    fi
    say "building"
    compile build silo/ContainerGrains.Silo
    compile build deploy/local/DemoClient
    compile publish client/ContainerGrains.Cli -o "${CG_PROGRAM%/*}"
}

# The compiler speaks only when something is wrong.
compile() {
    local verb="$1" project="$2"
    mkdir -p artifacts
    attended dotnet "$verb" "$project" "${BUILD_FLAGS[@]}" "${@:3}" >$BUILD_LOG 2>&1 && return
    sort -u $BUILD_LOG | grep -E '(error|warning) ' >&2 || cat $BUILD_LOG >&2
    die "the build of $project failed: see the compiler's words above."
}

# Hosts on one machine: each a network namespace with a silo in it. Sourced by ./dev; see README.md beside it.
#
#   cg-net        br0, the segment              (a namespace of its own: the machine's network is not touched)
#   cg-host-X     cgbr0 10.88.0.1N, with the uplink as a port; containers become further ports
#   cg-client     eth0 10.88.0.2, for clients that are on none of the hosts
#
# CG_LOCAL_CLUSTER names a further cluster, which shares nothing with the others of the machine (cgNAME-net, cgNAME-host-X, ...).

CLUSTER="${CG_LOCAL_CLUSTER:-}"
[[ "$CLUSTER" =~ ^([a-z][a-z0-9]{0,15})?$ ]] || die "CG_LOCAL_CLUSTER is at most 16 small letters and digits, the first a letter, not '$CLUSTER'."
NET_NAMESPACE=cg$CLUSTER-net
CLIENT_NAMESPACE=cg$CLUSTER-client
CLIENT_ADDRESS=10.88.0.2
PREFIX_LENGTH=16
BRIDGE=cgbr0
STATE_ROOT=/var/lib/containergrains${CLUSTER:+-$CLUSTER}/local
RUN_ROOT=/run/containergrains${CLUSTER:+-$CLUSTER}
TLS_ROOT=$STATE_ROOT/tls
CGROUP_PARENT=containergrains${CLUSTER:+-$CLUSTER}
CG_LINK=/usr/local/bin/cg
WAIT_SECONDS=90

# cg speaks to this cluster.
export CG_RUN_DIR="$RUN_ROOT"
unset CG_SOCKET CG_HOST

host_number() { printf '%d' "$(($(printf '%d' "'${1#host-}") - 96))"; }
host_address() { printf '10.88.0.%d' "$((10 + $(host_number "$1")))"; }
host_namespace() { printf 'cg%s-%s' "$CLUSTER" "$1"; }
fixed_mac() { printf '%s' "$1" | md5sum | sed -E 's/^(..)(..)(..)(..)(..).*/02:\1:\2:\3:\4:\5/'; }
has_namespace() { [[ -e /run/netns/$1 ]]; }
cluster_exists() { has_namespace $NET_NAMESPACE || die "no cluster is up: start one with ./dev up."; }

# Names of the hosts that were brought up, alive or not.
hosts() {
    local path
    for path in /run/netns/cg$CLUSTER-host-*; do
        [[ -e $path ]] && printf '%s\n' "${path#"/run/netns/cg$CLUSTER-"}"
    done
    return 0
}

cluster_up() {
    local letter
    if ((LOCAL_TLS)); then tls_up; fi
    cluster_net_up
    for letter in $(printf '%s ' {a..i} | cut -d' ' -f"1-$1"); do
        host_up "host-$letter"
    done
    wait_for_hosts
    cg_link
}

cluster_show() {
    local cg="$ROOT/$CG_PROGRAM"
    "$cg" hosts
    say ""
    say "cg is $cg$([[ "$(readlink "$CG_LINK" 2>/dev/null)" == "$cg" ]] && echo " ($CG_LINK)")"
    [[ -z $CLUSTER ]] || say "it speaks to this cluster after:  export CG_RUN_DIR=$RUN_ROOT"
    say "try:  cg run -d --name web --host host-a --rootfs / -- redis-server --port 6379 --protected-mode no --save ''"
    say "      cg inspect web --json | jq -r .address;  ip netns exec $CLIENT_NAMESPACE redis-cli -h ADDRESS"
    say "      cg migrate web --to host-b;  cg logs web;  ./dev down"
}

cluster_net_up() {
    state_directory_up
    if ! has_namespace $NET_NAMESPACE; then
        ip netns add $NET_NAMESPACE
        ip -n $NET_NAMESPACE link set lo up
        bridge_up $NET_NAMESPACE br0
    fi
    if ! has_namespace $CLIENT_NAMESPACE; then
        ip netns add $CLIENT_NAMESPACE
        ip -n $CLIENT_NAMESPACE link set lo up
        plug_in $CLIENT_NAMESPACE client eth0
        ip -n $CLIENT_NAMESPACE addr add $CLIENT_ADDRESS/$PREFIX_LENGTH dev eth0
    fi
}

# An overlay cannot have its upper directory on another overlay, as the root of a container image is.
state_directory_up() {
    mkdir -p $STATE_ROOT $RUN_ROOT
    if [[ "$(stat -f -c %T $STATE_ROOT)" == overlayfs ]]; then mount -t tmpfs -o mode=755 containergrains $STATE_ROOT; fi
}

# An authority of this cluster alone, for the data channel; where it is, each host that comes up gets a certificate of it.
tls_up() {
    [[ ! -e $TLS_ROOT/authority.pem ]] || return 0
    [[ -z "$(hosts)" ]] || die "a cluster without TLS is up: remove it with ./dev down first."
    need_packages openssl
    mkdir -p $STATE_ROOT
    state_directory_up
    tls_certificate authority containergrains -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

# A key and its certificate, of the authority unless it is its own. Only root reads them; a certificate is there when it is whole.
tls_certificate() {
    local file="$TLS_ROOT/$1" subject="$2"
    mkdir -p -m 700 $TLS_ROOT
    (
        umask 077
        openssl req -x509 -config <(printf '[req]\ndistinguished_name=name\n[name]\n') -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
            -subj "/CN=$subject" -keyout "$file.key" -out "$file.new" "${@:3}" 2>"$file.log"
    ) || die "openssl could not make a certificate for $subject: $(tail -n 1 "$file.log")"
    mv "$file.new" "$file.pem"
    rm -f "$file.log"
}

bridge_up() {
    local namespace="$1" name="$2"
    ip -n "$namespace" link add "$name" address "$(fixed_mac "$namespace")" type bridge stp_state 0 forward_delay 0
    ip -n "$namespace" link set "$name" up
    nsenter --net="/run/netns/$namespace" sh -c 'for f in /proc/sys/net/bridge/bridge-nf-call-*tables; do [ ! -e $f ] || echo 0 > $f; done'
}

# A cable from a namespace's link to the segment.
plug_in() {
    local namespace="$1" port="$2" link="$3"
    ip -n $NET_NAMESPACE link add "$port" type veth peer name "$link" address "$(fixed_mac "$namespace-$link")" netns "$namespace"
    ip -n $NET_NAMESPACE link set "$port" master br0 up
    ip -n "$namespace" link set "$link" up
}

host_up() {
    local name="$1" namespace; namespace="$(host_namespace "$1")"
    if host_alive "$name"; then return 0; fi
    if ! has_namespace "$namespace"; then
        ip netns add "$namespace"
        ip -n "$namespace" link set lo up
        bridge_up "$namespace" $BRIDGE
        plug_in "$namespace" "$name" uplink
        ip -n "$namespace" link set uplink master $BRIDGE
        ip -n "$namespace" addr add "$(host_address "$name")/$PREFIX_LENGTH" dev $BRIDGE
    fi
    mkdir -p "$STATE_ROOT/$name" "$RUN_ROOT/$name"
    rm -f "$RUN_ROOT/$name/api.sock"
    local settings=(
        "--Silo:HostName=$name"
        "--Silo:StateDirectory=$STATE_ROOT/$name"
        "--Silo:Address=$(host_address "$name")"
        "--Silo:ApiSocket=$RUN_ROOT/$name/api.sock"
        "--Silo:Bridge=$BRIDGE"
        "--Silo:CgroupParent=$CGROUP_PARENT"
    )
    # Another store comes by the environment: CG_Cluster__Store, CG_Cluster__ConnectionString.
    [[ -n "${CG_Cluster__Store:-}" ]] || settings+=("--Cluster:Store=Sqlite" "--Cluster:Path=$STATE_ROOT/cluster.db")
    if [[ -e $TLS_ROOT/authority.pem ]]; then
        tls_certificate "$name" "$name" -CA $TLS_ROOT/authority.pem -CAkey $TLS_ROOT/authority.key -addext basicConstraints=critical,CA:FALSE -addext "subjectAltName=DNS:$name"
        settings+=("--Silo:Tls:CertificatePath=$TLS_ROOT/$name.pem" "--Silo:Tls:KeyPath=$TLS_ROOT/$name.key" "--Silo:Tls:AuthorityPath=$TLS_ROOT/authority.pem")
    fi
    # nsenter and not ip netns exec, which mounts a /sys without cgroups. A killed runtime leaves its pipes in TMPDIR.
    (cd "$STATE_ROOT/$name" && TMPDIR="$RUN_ROOT/$name" exec nsenter --net="/run/netns/$namespace" setsid "$ROOT/$SILO_PROGRAM" "${settings[@]}") </dev/null >>"$STATE_ROOT/$name/silo.log" 2>&1 &
    printf '%d %s\n' $! "$(start_time $!)" >"$RUN_ROOT/$name/silo.pid"
    disown $!
}

# Clock ticks since boot; with the pid it names a process for good.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# The silo's pid, when it is alive.
silo_pid() {
    local pid start
    read -r pid start 2>/dev/null <"$RUN_ROOT/$1/silo.pid" || return 1
    [[ -n "$pid" && -n "$start" && "$(start_time "$pid")" == "$start" && "$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat" 2>/dev/null)" != Z ]] || return 1
    printf '%d' "$pid"
}

host_alive() { silo_pid "$1" >/dev/null; }

wait_for_hosts() {
    local wanted=() name deadline=$((SECONDS + WAIT_SECONDS)) listed
    for name in $(hosts); do
        [[ -e $RUN_ROOT/$name/silo.pid ]] && wanted+=("$name")
    done
    say "waiting for ${wanted[*]}"
    while true; do
        listed="$("$ROOT/$CG_PROGRAM" hosts --json 2>/dev/null | jq -r '.[] | select(.state == "Active") | .name' 2>/dev/null || true)"
        local missing=()
        for name in "${wanted[@]}"; do
            host_alive "$name" || { tail -n 20 "$STATE_ROOT/$name/silo.log" >&2; die "the silo of $name ended: its last words are above ($STATE_ROOT/$name/silo.log)."; }
            [[ $'\n'"$listed"$'\n' == *$'\n'"$name"$'\n'* && -S $RUN_ROOT/$name/api.sock ]] || missing+=("$name")
        done
        ((${#missing[@]})) || return 0
        ((SECONDS < deadline)) || die "after $WAIT_SECONDS s the cluster does not list ${missing[*]}: see $STATE_ROOT/${missing[0]}/silo.log."
        attended sleep 0.2
    done
}

# A further cluster leaves the link to the first.
cg_link() {
    [[ -z $CLUSTER ]] || return 0
    if [[ ! -e $CG_LINK || -L $CG_LINK ]]; then ln -sfn "$ROOT/$CG_PROGRAM" $CG_LINK; else say "$CG_LINK is there already and not from here; it stays."; fi
}

# kill -9 of everything that is the host: the silo, the containers by their cgroups, and whatever else runs in its namespace.
host_kill() {
    local name="$1" namespace pid
    namespace="$(host_namespace "$1")"
    has_namespace "$namespace" || die "there is no host $name: cg hosts lists them."
    if pid="$(silo_pid "$name")"; then kill -KILL "$pid"; fi
    cgroups_kill "$name"
    local round
    for round in {1..100}; do
        # Containers have networks of their own, and cgroup.kill takes a moment.
        local rest; rest="$(ip netns pids "$namespace" 2>/dev/null; cgroups_pids "$name")"
        [[ -n "$rest" ]] || break
        kill -KILL $rest 2>/dev/null || true
        sleep 0.05
    done
    rm -f "$RUN_ROOT/$name/silo.pid" "$RUN_ROOT/$name/api.sock"
}

cgroup_roots() { awk '$3 == "cgroup2" || $3 == "cgroup" { print $2 }' /proc/self/mounts; }

# Processes below a host's cgroups.
cgroups_pids() {
    local root
    for root in $(cgroup_roots); do
        [[ -d $root/$CGROUP_PARENT/$1 ]] || continue
        find "$root/$CGROUP_PARENT/$1" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0 || true
    done
}

cgroups_kill() {
    local root file
    for root in $(cgroup_roots); do
        [[ -d $root/$CGROUP_PARENT/$1 ]] || continue
        while IFS= read -r file; do
            echo 1 >"$file" 2>/dev/null || true
        done < <(find "$root/$CGROUP_PARENT/$1" -name cgroup.kill 2>/dev/null)
    done
}

# Groups are emptied a moment after their last process has ended.
cgroups_remove() {
    local root directory round
    for round in {1..100}; do
        local left=0
        for root in $(cgroup_roots); do
            directory=$root/$CGROUP_PARENT/$1
            [[ -d $directory ]] || continue
            find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
            if [[ -d $directory ]]; then left=1; fi
        done
        ((left)) || return 0
        sleep 0.05
    done
    say "a cgroup below $CGROUP_PARENT is not empty and stays."
}

cluster_down() {
    local name mountpoint
    for name in $(hosts); do
        host_kill "$name"
        ip netns delete "$(host_namespace "$name")"
    done
    for name in $CLIENT_NAMESPACE $NET_NAMESPACE; do
        has_namespace "$name" || continue
        kill -KILL $(ip netns pids "$name") 2>/dev/null || true
        ip netns delete "$name"
    done
    for name in host-{a..i}; do
        cgroups_kill "$name"
        cgroups_remove "$name"
    done
    for mountpoint in $(cgroup_roots); do
        rmdir "$mountpoint/$CGROUP_PARENT" 2>/dev/null || true
    done
    # Innermost first; what a killed silo had mounted for a container lies below its state directory.
    while IFS= read -r mountpoint; do
        umount -l "$mountpoint" 2>/dev/null || true
    done < <(awk -v root=$STATE_ROOT '$2 == root || index($2, root "/") == 1 { print $2 }' /proc/self/mounts | tac)
    rm -rf --one-file-system $STATE_ROOT $RUN_ROOT/host-[a-i]
    if [[ -n $CLUSTER ]]; then rm -rf --one-file-system "${STATE_ROOT%/*}" "$RUN_ROOT"; fi
    rmdir "${STATE_ROOT%/*}" $RUN_ROOT 2>/dev/null || true
    if [[ -z $CLUSTER && "$(readlink $CG_LINK 2>/dev/null)" == "$ROOT/$CG_PROGRAM" ]]; then rm -f $CG_LINK; fi
}

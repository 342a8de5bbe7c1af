# ./dev demo: a redis moves ten times between three hosts, and its client never notices more than a pause. Sourced by ./dev.

DEMO_CONTAINER=web
DEMO_MOVES=10
DEMO_MEBIBYTES=64
DEMO_HOSTS=(host-a host-b host-c)
DEMO_CG="$ROOT/$CG_PROGRAM"

demo() {
    DEMO_KEEPS_CLUSTER=0
    if has_namespace $NET_NAMESPACE; then DEMO_KEEPS_CLUSTER=1; fi
    DEMO_DIRECTORY="$(mktemp -d)"
    DEMO_STARTED=0
    DEMO_CLIENT=""
    trap demo_end EXIT
    cluster_up ${#DEMO_HOSTS[@]}
    demo_redis_up
    demo_client_up
    demo_moves
    demo_result
}

# Also after a failure or Ctrl-C: what the demo made is gone when it returns.
demo_end() {
    local code=$?
    trap '' INT TERM HUP
    trap - EXIT
    if ((code != 0 && code < 128)); then demo_evidence; fi
    if [[ -n "$DEMO_CLIENT" ]]; then
        kill -KILL "$DEMO_CLIENT" 2>/dev/null || true
        wait "$DEMO_CLIENT" 2>/dev/null || true
    fi
    if ((DEMO_KEEPS_CLUSTER)); then
        if ((DEMO_STARTED)); then "$DEMO_CG" rm -f $DEMO_CONTAINER >/dev/null 2>&1 || true; fi
    else
        cluster_down || code=1
    fi
    rm -rf "$DEMO_DIRECTORY"
    exit "$code"
}

demo_evidence() {
    local name
    [[ ! -s $DEMO_DIRECTORY/client.err ]] || sed 's/^/client: /' "$DEMO_DIRECTORY/client.err" >&2
    for name in "${DEMO_HOSTS[@]}"; do
        [[ ! -s $STATE_ROOT/$name/silo.log ]] || grep -v ' Information' "$STATE_ROOT/$name/silo.log" | tail -n 8 | sed "s/^/$name: /" >&2 || true
    done
}

demo_redis_up() {
    say "starting redis-server in container $DEMO_CONTAINER on ${DEMO_HOSTS[0]}"
    DEMO_STARTED=1
    attended "$DEMO_CG" run -d --name $DEMO_CONTAINER --host "${DEMO_HOSTS[0]}" --rootfs / -- \
        redis-server --port 6379 --protected-mode no --save '' --appendonly no --dir /tmp >&2 || { DEMO_STARTED=0; exit 1; }
    DEMO_ADDRESS="$("$DEMO_CG" inspect $DEMO_CONTAINER --json | jq -r 'if type == "array" then .[0] else . end | .address | split("/")[0]')"
}

# The client reads orders from one fifo and answers on another: "mark" gives what happened since the last mark, "stop" ends it.
demo_client_up() {
    mkfifo "$DEMO_DIRECTORY/orders" "$DEMO_DIRECTORY/answers"
    TMPDIR="$DEMO_DIRECTORY" nsenter --net=/run/netns/$CLIENT_NAMESPACE "$ROOT/$CLIENT_PROGRAM" "$DEMO_ADDRESS" 6379 $DEMO_MEBIBYTES \
        <"$DEMO_DIRECTORY/orders" >"$DEMO_DIRECTORY/answers" 2>"$DEMO_DIRECTORY/client.err" &
    DEMO_CLIENT=$!
    exec {DEMO_ORDERS}>"$DEMO_DIRECTORY/orders" {DEMO_ANSWERS}<"$DEMO_DIRECTORY/answers"
    say "filling it with $DEMO_MEBIBYTES MiB over the client's one connection, then INCR at 1 kHz"
    demo_answer >/dev/null
}

demo_answer() {
    local line
    read -r -t 60 line <&"$DEMO_ANSWERS" || { say "dev: the client gave no answer."; return 1; }
    printf '%s' "$line"
}

demo_ask() {
    printf '%s\n' "$1" >&"$DEMO_ORDERS"
    demo_answer
}

demo_moves() {
    local move from target report gap rounds
    attended sleep 1
    demo_ask mark >/dev/null
    : >"$DEMO_DIRECTORY/freezes"
    : >"$DEMO_DIRECTORY/gaps"
    printf '%4s  %-8s  %-8s  %6s  %12s  %11s  %10s  %9s  %13s\n' move from to rounds 'pages sent' 'dirty pages' 'freeze ms' 'total ms' 'client gap ms'
    from=${DEMO_HOSTS[0]}
    for ((move = 1; move <= DEMO_MOVES; move++)); do
        target=${DEMO_HOSTS[move % ${#DEMO_HOSTS[@]}]}
        attended "$DEMO_CG" migrate $DEMO_CONTAINER --to "$target" --json >"$DEMO_DIRECTORY/report" || die "move $move, from $from to $target, failed."
        report="$(<"$DEMO_DIRECTORY/report")"
        # What the client has not yet noticed belongs to this move too.
        attended sleep 0.5
        gap="$(demo_ask mark | jq -r .gapMs)"
        jq -r .freezeMs <<<"$report" >>"$DEMO_DIRECTORY/freezes"
        printf '%s\n' "$gap" >>"$DEMO_DIRECTORY/gaps"
        rounds="$(jq -r '[(.rounds | length), ([.rounds[].dirtyPages] | add // 0) + .finalPages, .finalPages] | @tsv' <<<"$report")"
        printf '%4d  %-8s  %-8s  %6d  %12d  %11d  %10.1f  %9.0f  %13.1f\n' $move "$from" "$target" $rounds "$(jq -r .freezeMs <<<"$report")" "$(jq -r .totalMs <<<"$report")" "$gap"
        from=$target
    done
}

demo_result() {
    local result replies lost reconnects wrong
    result="$(demo_ask stop)"
    read -r replies lost reconnects wrong < <(jq -r '[.replies, .lost, .reconnects, .wrong] | @tsv' <<<"$result")
    wait "$DEMO_CLIENT" || true
    DEMO_CLIENT=""
    ((wrong == 0)) || say "dev: $wrong replies were not the previous one plus 1."
    printf 'demo: moves=%d replies=%d lost=%d reconnects=%d freeze_ms_p50=%s freeze_ms_max=%s client_gap_ms_p50=%s client_gap_ms_max=%s\n' \
        "$(wc -l <"$DEMO_DIRECTORY/freezes")" "$replies" "$lost" "$reconnects" $(demo_summary freezes) $(demo_summary gaps)
    ((lost == 0 && reconnects == 0 && wrong == 0 && replies > 0)) || exit 1
}

# Median and greatest of a file of numbers, one digit after the point.
demo_summary() { sort -g "$DEMO_DIRECTORY/$1" | awk '{ v[NR] = $1 } END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.1f %.1f\n", m, v[NR] }'; }

# ./dev test, ./dev chaos and ./dev bench. Sourced by ./dev.

# In this order: what is cheap and close to the fault speaks first.
UNIT_TESTS=(tests/Linux.Tests tests/Grains.Tests tests/Silo.Tests tests/Cli.Tests)
ENGINE_TESTS=(tests/Engine.Tests tests/Survival.Tests)
CLUSTER_TESTS=(tests/Cluster.Tests)
TEST_SECONDS=1800

run_tests() {
    local projects=("${UNIT_TESTS[@]}" "${ENGINE_TESTS[@]}" "${CLUSTER_TESTS[@]}") project
    (($# == 0)) || projects=("$@")
    say "building with warnings as errors"
    trap 'echo "0 passed, 1 failed, 0 skipped"' EXIT
    compile build ContainerGrains.sln -warnaserror
    if [[ " ${projects[*]%/} " == *" ${CLUSTER_TESTS[*]} "* ]]; then compile publish client/ContainerGrains.Cli -o "${CG_PROGRAM%/*}"; fi
    trap - EXIT
    TESTS_PASSED=0 TESTS_FAILED=0 TESTS_SKIPPED=0 TESTS_REASONS=""
    mkdir -p artifacts/test-results
    if (($# == 0)); then check_test_list "${projects[@]}"; fi
    trap stop_postgres EXIT
    start_postgres
    for project in "${projects[@]}"; do
        run_test_project "${project%/}"
    done
    printf '%s' "$TESTS_REASONS"
    echo "$TESTS_PASSED passed, $TESTS_FAILED failed, $TESTS_SKIPPED skipped"
    ((TESTS_FAILED == 0))
}

# A PostgreSQL of the run's own, on a Unix socket, for the tests of that store. Without one they are skipped, and say so.
start_postgres() {
    [[ -z "${CG_TEST_POSTGRES:-}" ]] || return 0
    POSTGRES_BIN="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)"
    [[ -n $POSTGRES_BIN ]] && id postgres >/dev/null 2>&1 || return 0
    POSTGRES_DIRECTORY="$(mktemp -d /tmp/containergrains-postgres.XXXXXX)"
    chown postgres "$POSTGRES_DIRECTORY"
    (
        cd "$POSTGRES_DIRECTORY"
        setpriv --reuid=postgres --regid=postgres --init-groups "$POSTGRES_BIN/initdb" -D data -A trust
        setpriv --reuid=postgres --regid=postgres --init-groups "$POSTGRES_BIN/pg_ctl" -D data -w -l log -o "-k $POSTGRES_DIRECTORY -c listen_addresses=''" start
    ) >"$POSTGRES_DIRECTORY.log" 2>&1 </dev/null || { cat "$POSTGRES_DIRECTORY.log" >&2; return 0; }
    export CG_TEST_POSTGRES="Host=$POSTGRES_DIRECTORY;Username=postgres;Database=postgres"
}

stop_postgres() {
    [[ -n "${POSTGRES_DIRECTORY:-}" ]] || return 0
    (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$POSTGRES_BIN/pg_ctl" -D "$POSTGRES_DIRECTORY/data" -m immediate stop) >/dev/null 2>&1 || true
    rm -rf "$POSTGRES_DIRECTORY" "$POSTGRES_DIRECTORY.log"
}

# A project that nobody runs would hold nothing.
check_test_list() {
    local path
    for path in tests/*.Tests/*.csproj; do
        [[ " $* " == *" ${path%/*} "* ]] && continue
        echo "${path%/*}: not in the lists of deploy/local/tests.sh"
        TESTS_FAILED=$((TESTS_FAILED + 1))
    done
}

# A project that is missing, has no tests, dies or hangs counts as a failure.
run_test_project() {
    local project="$1" name program report counts code=0
    name="$(basename "$(ls "$project"/*.csproj 2>/dev/null || echo "$project.csproj")" .csproj)"
    program="artifacts/bin/$name/release/$name"
    report="artifacts/test-results/$name.json"
    echo "== $project"
    rm -f "$report"
    if [[ ! -x $program ]]; then
        echo "$project: not built ($program is missing; is the project in ContainerGrains.sln?)"
        TESTS_FAILED=$((TESTS_FAILED + 1))
        return
    fi
    attended timeout -k 20 $TEST_SECONDS "$program" --no-ansi --no-progress --report-ctrf --report-ctrf-filename "$name.json" --results-directory "${report%/*}" || code=$?
    if ! counts="$(jq -er '.results.summary | [.passed, .failed + .other, .skipped + .pending, .tests] | @tsv' "$report" 2>/dev/null)"; then
        echo "$project: ended with code $code and without a report"
        TESTS_FAILED=$((TESTS_FAILED + 1))
        return
    fi
    local passed failed skipped tests
    read -r passed failed skipped tests <<<"$counts"
    if ((tests == 0)); then echo "$project: has no tests"; fi
    # A failure outside of a test, in a cleanup for instance, is only in the exit code.
    if ((failed == 0 && (code != 0 || tests == 0))); then failed=1; fi
    TESTS_PASSED=$((TESTS_PASSED + passed)) TESTS_FAILED=$((TESTS_FAILED + failed)) TESTS_SKIPPED=$((TESTS_SKIPPED + skipped))
    TESTS_REASONS+="$(jq -r '.results.tests[] | select(.status == "skipped" or .status == "pending") | "skipped: \(.name): \(.message // .extra.reason // "no reason given")"' "$report")"
    if ((skipped)); then TESTS_REASONS+=$'\n'; fi
}

# The drawn plans of tests/Cluster.Tests/Chaos; plan N has the seed S + N, so one is repeated with --plans 1 --seed ITS-SEED.
run_chaos() {
    local summary=artifacts/test-results/chaos/summary code=0
    if ((NO_BUILD == 0)); then
        say "building"
        compile build "$CLUSTER_TESTS"
        compile publish client/ContainerGrains.Cli -o "${CG_PROGRAM%/*}"
    fi
    rm -f $summary
    CG_CHAOS_PLANS="$1" CG_CHAOS_SEED="$2" attended artifacts/bin/ContainerGrains.Cluster.Tests/release/ContainerGrains.Cluster.Tests \
        --no-ansi --no-progress --filter-method '*ChaosTests.Whatever_goes_wrong*' || code=$?
    cat $summary 2>/dev/null || echo "chaos: no plan was played"
    return $code
}

run_bench() {
    local project=tests/Benchmarks name=ContainerGrains.Benchmarks
    ls $project/*.csproj >/dev/null 2>&1 || die "there are no benchmarks in $project."
    name="$(basename "$(ls $project/*.csproj)" .csproj)"
    if ((NO_BUILD == 0)); then compile build $project; fi
    attended "artifacts/bin/$name/release/$name" "$@"
}

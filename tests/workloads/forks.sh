# Forks all the time: pipelines, substitutions, background jobs that are waited for; every result is checked.
fail() { echo "BROKEN: $*" >&2; exit 1; }
stop=
trap 'stop=1' USR1
i=0
while [ -z "$stop" ]; do
    i=$((i + 1))
    [ "$(echo "$i" | cat | cat)" = "$i" ] || fail "a pipeline lost its number"
    (exit $((i % 100))) ; [ $? = $((i % 100)) ] || fail "an exit code"
    (sleep 0.005; exit 3) & wait $!
    code=$?
    [ -z "$stop" ] || { echo "$i end"; exit 0; }
    [ $code = 3 ] || fail "a background job ended with $code"
    echo "$i"
done
echo "$((i + 1)) end"
exit 0

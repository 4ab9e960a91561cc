#!/usr/bin/env bash
# Runs a command with a private Redis and a private PostgreSQL on free ports of
# the loopback interface, named by OKTASYNC_TEST_REDIS and
# OKTASYNC_TEST_POSTGRES, and stops both when it ends.
#
#   scripts/with-services.sh go test ./...
#
# With --in-memory first, the servers and all temporary files of the command are in memory where that has
# room. Each test has a database of its own, and to make and drop its hundreds of files is most of what PostgreSQL
# does then, several times as much on a disk. Not for what is to be measured with a disk.
set -eu

"$(dirname "$0")/install-tools.sh"

# in_memory prints a folder in memory with 4 GB of room for data and programs, or nothing.
in_memory() {
    [ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -ge 4194304 ] 2>/dev/null || return 0
    [ "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)" -ge 8388608 ] || return 0
    folder=$(mktemp -d /dev/shm/oktasync.XXXXXX) || return 0
    # Programs that tests build are started from there, and PostgreSQL's own user has to get through.
    printf '#!/bin/sh\n' >"$folder/try"
    if chmod 755 "$folder" "$folder/try" && "$folder/try" 2>/dev/null; then
        rm "$folder/try"
        echo "$folder"
    else
        rm -rf "$folder"
    fi
}

if [ "${1:-}" = --in-memory ]; then
    shift
    memory=$(in_memory)
    [ -z "$memory" ] || export TMPDIR="$memory"
fi
work=$(mktemp -d)
initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)
pgbin=$(dirname "$initdb")

# PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        su postgres -s /bin/sh -c "$*"
    else
        sh -c "$*"
    fi
}

free_port() {
    # Linux's own range for outgoing connections begins above these.
    port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
    while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

stop() {
    status=$?
    trap - EXIT INT TERM
    [ -z "${redis:-}" ] || kill "$redis" 2>/dev/null || true
    as_postgres "$pgbin/pg_ctl -D $work/pg -m immediate stop" >/dev/null 2>&1 || true
    rm -rf "$work" ${memory:+"$memory"}
    exit "$status"
}
trap stop EXIT INT TERM

chmod 755 "$work"
mkdir "$work/pg" "$work/redis"
[ "$(id -u)" -ne 0 ] || chown postgres "$work/pg"
as_postgres "$pgbin/initdb -D $work/pg -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync" >/dev/null

for attempt in 1 2 3; do
    pgport=$(free_port)
    if as_postgres "$pgbin/pg_ctl -D $work/pg -l $work/pg/log -w -o '-h 127.0.0.1 -p $pgport -k $work/pg -c fsync=off -c max_connections=300 -c full_page_writes=off' start" >/dev/null; then
        break
    fi
    if [ "$attempt" -eq 3 ]; then
        echo "PostgreSQL did not start:" >&2
        tail -20 "$work/pg/log" >&2
        exit 1
    fi
done

for attempt in 1 2 3 4 5; do
    redisport=$(free_port)
    redis-server --bind 127.0.0.1 --port "$redisport" --dir "$work/redis" --save '' --maxmemory-policy noeviction >"$work/redis/log" 2>&1 &
    redis=$!
    tries=0
    until redis-cli -p "$redisport" ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        kill -0 "$redis" 2>/dev/null && [ "$tries" -lt 100 ] || break
        sleep 0.05
    done
    kill -0 "$redis" 2>/dev/null && break
    if [ "$attempt" -eq 5 ]; then
        echo "redis-server did not start:" >&2
        tail -20 "$work/redis/log" >&2
        exit 1
    fi
done

OKTASYNC_TEST_REDIS=127.0.0.1:$redisport
OKTASYNC_TEST_POSTGRES="postgres://postgres@127.0.0.1:$pgport/postgres?sslmode=disable"
export OKTASYNC_TEST_REDIS OKTASYNC_TEST_POSTGRES
"$@"

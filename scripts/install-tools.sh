#!/usr/bin/env bash
# Installs what the tests need and is not there yet: redis-server, PostgreSQL,
# a C compiler for the race detector, and Node with a library that verifies webhooks. Needs root or sudo on Debian or Ubuntu;
# elsewhere it says what to install.
set -eu

missing=
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v redis-sentinel >/dev/null || missing="$missing redis-sentinel"
command -v "${CC:-gcc}" >/dev/null || missing="$missing gcc libc6-dev"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

verifier() {
    verify=$(dirname "$0")/../deliver/testdata/verify
    [ -d "$verify/node_modules/standardwebhooks" ] ||
        npm ci --prefix "$verify" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
}

if [ -z "$missing" ]; then
    verifier
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "Please install:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Please install, as root:$missing" >&2; exit 1; }
    as_root=sudo
fi
echo "Installing$missing" >&2
# The packages would start their system-wide servers; the tests bring their own.
$as_root mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
verifier

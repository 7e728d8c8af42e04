#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: a C compiler (for -race),
# PostgreSQL 15, Chromium, and the npm packages of the lock files. With root or
# sudo and apt-get it installs; otherwise it says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

has_postgres() {
	compgen -G '/usr/lib/postgresql/15*/bin/postgres' >/dev/null ||
		{ command -v postgres >/dev/null && postgres --version | grep -q ' 15\.' && command -v psql >/dev/null; }
}

has_chromium() {
	[ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
		command -v google-chrome >/dev/null
}

missing=()
command -v "${CC:-gcc}" >/dev/null || missing+=(gcc libc6-dev)
has_postgres || missing+=(postgresql-15)
has_chromium || missing+=(chromium)

if [ ${#missing[@]} -gt 0 ]; then
	sudo=()
	if [ "$(id -u)" -ne 0 ]; then
		sudo=(sudo -n)
	fi
	if ! command -v apt-get >/dev/null || ! "${sudo[@]}" true 2>/dev/null; then
		echo "setup: missing: ${missing[*]} (names of Debian's packages); install them and try again" >&2
		exit 1
	fi
	echo "setup: installing ${missing[*]}"
	# The tests start clusters of their own; one of the system's would only be in the way.
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		"${sudo[@]}" mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	"${sudo[@]}" apt-get -q update </dev/null
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -q -y \
		-o Dpkg::Options::=--force-confold --no-install-recommends install "${missing[@]}" </dev/null
fi

for lock in clients/package-lock.json web/package-lock.json test/*/package-lock.json test/*/*/package-lock.json; do
	[ -f "$lock" ] || continue
	dir=$(dirname "$lock")
	# npm writes this file last, with the date of the install.
	if [ "$dir/node_modules/.package-lock.json" -nt "$lock" ]; then
		continue
	fi
	if ! command -v npm >/dev/null; then
		echo "setup: missing: Node.js 20.19 or newer, with npm; install it and try again" >&2
		exit 1
	fi
	echo "setup: npm ci in $dir"
	(cd "$dir" && npm ci --no-audit --no-fund --loglevel=error </dev/null)
done

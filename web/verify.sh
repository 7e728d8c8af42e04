#!/bin/sh
# Builds the pages into a temporary folder, from the packages that the lock file
# names, and compares with dist. CI runs it.
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM
# npm leaves this file behind; older than the lock file, or absent: install.
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --no-audit --no-fund
fi
WEB_OUT="$out" npm run --silent build >"$out.log" 2>&1 || { cat "$out.log" >&2; rm -f "$out.log"; exit 1; }
rm -f "$out.log"
node scripts/compare.js dist "$out"

#!/usr/bin/env bash
# Fails when `go generate` changes a file. Compares contents, so that it also
# works in a tree with changes that are not committed yet.
set -euo pipefail
cd "$(dirname "$0")/.."
generated=(graph/generated.go graph/model/models_gen.go graph/core.resolvers.go docs/configuration.md)
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp --parents "${generated[@]}" "$before"
go generate ./...
stale=0
for file in "${generated[@]}"; do
	diff -u "$before/$file" "$file" || stale=1
done
if [ "$stale" -ne 0 ]; then
	echo "generated files were out of date; they are now as they should be: commit them" >&2
	exit 1
fi

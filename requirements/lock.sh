#!/bin/sh
# lock.sh UV [OPTION...]: pins the full closure of the sets of requirements, with hashes, for all
# that pyproject.toml names under tool.uv. What is pinned already stays, except with --upgrade.
set -eu
cd "$(dirname "$0")"
uv=$1
shift
options=$*

# lock NAME [OPTION...] IN...
lock() {
    output=$1.txt
    shift
    # shellcheck disable=SC2086 # these are lists of words
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-annotate --custom-compile-command "make lock" $options --output-file "$output" "$@"
    # Every line has this marker, which tool.uv names.
    sed -i "s/ ; python_full_version < '3.13' and sys_platform == 'linux'//" "$output"
}

lock build build.in
lock infer infer.in
lock train --override overrides.txt infer.in train.in tinyms.in
lock jobs --override overrides.txt jobs.in infer.in train.in tinyms.in
# shellcheck disable=SC2046 # package names
lock dev --constraint jobs.txt $(sed -nE 's/^([a-z0-9][a-z0-9.-]*)==.*/--no-emit-package \1/p' jobs.txt) dev.in
# Sedna's SDK needs an older Starlette than the workers, and has it in front of theirs.
others=$(mktemp)
sed -nE 's/^([a-z0-9][a-z0-9.-]*==[^ ]+).*/\1/p' jobs.txt dev.txt | grep -v '^starlette==' >"$others"
lock sedna --constraint "$others" sedna.in
rm "$others"
lock kserve kserve.in
lock docs docs.in
lock fuzz infer.in fuzz.in

#!/bin/sh
# Makes a stand-in for the base image debian:bookworm-slim, for machines that reach no registry.
set -eu
# shellcheck source=docker/settings.sh
. "$(dirname "$0")/settings.sh"
choose_engine
command -v mmdebstrap >/dev/null || fail "mmdebstrap is not installed, which makes the stand-in: apt-get install mmdebstrap"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mmdebstrap --quiet ${PLATFORM:+--arch=${PLATFORM##*/}} --variant=minbase --aptopt='Acquire::Languages "none"' \
    --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    bookworm "$folder/base.tar"
$ENGINE build ${PLATFORM:+--platform "$PLATFORM"} --file docker/base.Dockerfile --tag "$STAND_IN" "$folder"
echo "$STAND_IN: use it with make images ${PLATFORM:+PLATFORM=$PLATFORM }BASE_IMAGE=$STAND_IN"

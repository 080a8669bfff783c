#!/bin/sh
# Builds and verifies the CPU images where an engine is present or can be installed.
set -eu
# shellcheck source=docker/settings.sh
. "$(dirname "$0")/settings.sh"

could_not() {
    echo '!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!' >&2
    echo "!!!! THE IMAGES WERE NEITHER BUILT NOR VERIFIED: $*" >&2
    echo '!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!' >&2
    exit 0
}

install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        could_not "$* cannot be installed here: no apt-get, or not root"
    fi
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"; } >/dev/null ||
        could_not "apt-get could not install $*"
}

answers docker || answers podman || install podman buildah runc conmon netavark uidmap
choose_engine
if ! is_here "$BASE_IMAGE" && ! $ENGINE pull "$BASE_IMAGE"; then
    echo "make: $BASE_IMAGE cannot be pulled: using a stand-in" >&2
    BASE_IMAGE=$STAND_IN
    if ! is_here "$BASE_IMAGE"; then
        command -v mmdebstrap >/dev/null || install mmdebstrap
        make --no-print-directory base-image ENGINE="$ENGINE" || could_not "there is no base image"
    fi
fi
# Only a TAG of the command line counts: with another, the images do not get the version's name.
unset TAG
make --no-print-directory images images-verify ENGINE="$ENGINE" BASE_IMAGE="$BASE_IMAGE"

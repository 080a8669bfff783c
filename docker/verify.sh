#!/bin/sh
# verify.sh PYTEST: runs the tests that need images, and those for arm64 where that is emulated.
set -eu
# shellcheck source=docker/settings.sh
. "$(dirname "$0")/settings.sh"
choose_engine
if [ "$ENGINE" = buildah ]; then
    answers podman || fail "buildah builds images and does not run them: install podman, which shares them"
    ENGINE=podman
fi
[ "$FLAVOR" = cpu ] || fail "FLAVOR=$FLAVOR needs an Ascend device to run: see docs/images.md"
for worker in $WORKERS; do
    image=$(repository "$worker"):$TAG
    is_here "$image" || fail "there is no image $image: build it with make images TAG=$TAG"
done
export IMAGES_ENGINE="$ENGINE" IMAGES_REGISTRY="$REGISTRY"
IMAGES_TAG=$TAG "$1" tests/docker/test_images.py tests/docker/test_in_containers.py tests/docker/test_own_network.py

not_on_arm64() {
    echo "make: the images for arm64 were not verified: $*"
    exit
}

[ "$(uname -m)" != aarch64 ] || exit 0
runs_arm64 || not_on_arm64 "this machine does not emulate arm64, for which Debian 13 has qemu-user-binfmt"
is_here "$(repository infer):$TAG-arm64" || not_on_arm64 "build them with make images PLATFORM=linux/arm64"
IMAGES_ARM64_TAG=$TAG-arm64 "$1" tests/docker/test_arm64.py

#!/bin/sh
# verify.sh PYTEST: runs the tests that need images.
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
IMAGES_ENGINE=$ENGINE IMAGES_TAG=$TAG IMAGES_REGISTRY=$REGISTRY "$1" tests/docker/test_images.py tests/docker/test_in_containers.py

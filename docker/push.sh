#!/bin/sh
# Pushes the images of FLAVOR to REGISTRY.
set -eu
# shellcheck source=docker/settings.sh
. "$(dirname "$0")/settings.sh"
choose_engine
[ -n "$REGISTRY" ] || fail "name the registry: make images-push REGISTRY=registry.example/team"
for worker in $WORKERS; do
    image=$(repository "$worker"):$TAG
    is_here "$image" || fail "there is no image $image: build it with make images FLAVOR=$FLAVOR REGISTRY=$REGISTRY TAG=$TAG"
    ! is_stand_in "$image" || fail "$image is built on the stand-in base, which is never pushed: build it on a registry's base image"
done
for worker in $WORKERS; do
    $ENGINE push "$(repository "$worker"):$TAG"
done

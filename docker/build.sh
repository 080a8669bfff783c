#!/bin/sh
# Builds the images of FLAVOR. Those that share a target are one image with several names.
set -eu
# shellcheck source=docker/settings.sh
. "$(dirname "$0")/settings.sh"

find_base() {
    is_here "$BASE_IMAGE" || $ENGINE pull ${PLATFORM:+--platform "$PLATFORM"} "$BASE_IMAGE" || fail "the base image $BASE_IMAGE is neither here nor can it be pulled: name another with BASE_IMAGE=, or run \`make base-image\` and then use BASE_IMAGE=$STAND_IN"
}

# build TARGET WORKER...
build() {
    target=$1
    shift
    names=
    for worker in "$@"; do
        names="$names --tag $(repository "$worker"):$TAG"
        [ -z "$ALIAS" ] || names="$names --tag $(repository "$worker"):$ALIAS"
    done
    secret=
    [ ! -s "$CA_BUNDLE" ] || secret="--secret id=ca_bundle,src=$CA_BUNDLE"
    layers=
    [ "$ENGINE" != buildah ] || layers=--layers
    # shellcheck disable=SC2086 # these are lists of words
    $ENGINE build ${PLATFORM:+--platform "$PLATFORM"} $layers $secret $names --target "$target" --file "docker/$FLAVOR.Dockerfile" \
        --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "VERSION=$VERSION" \
        --build-arg "REVISION=$REVISION" --build-arg "CREATED=$CREATED" $BUILD_FLAGS .
}

choose_engine
find_base
case $FLAVOR in
cpu)
    build infer infer
    build train train eval
    ;;
ascend) build worker train eval infer ;;
*) fail "FLAVOR=$FLAVOR is not known: cpu or ascend" ;;
esac
for worker in $WORKERS; do
    echo "$(repository "$worker"):$TAG${ALIAS:+, also :$ALIAS}"
done

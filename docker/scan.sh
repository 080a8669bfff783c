#!/bin/sh
# Writes what each image of FLAVOR consists of to build/sbom, as SPDX and as CycloneDX.
set -eu
# shellcheck source=docker/settings.sh
. "$(dirname "$0")/settings.sh"
choose_engine
folder=build/sbom
mkdir -p "$folder"
archive=$(mktemp -u)
trap 'rm -f "$archive"' EXIT
for worker in $WORKERS; do
    image=$(repository "$worker"):$TAG
    is_here "$image" || fail "there is no image $image: build it with make images FLAVOR=$FLAVOR TAG=$TAG"
    case $ENGINE in
    docker) docker save --output "$archive" "$image" ;;
    podman) podman save --quiet --format docker-archive --output "$archive" "$image" ;;
    buildah) buildah push --quiet "$image" "docker-archive:$archive" ;;
    esac
    name=$folder/$(basename "$(repository "$worker")")-$TAG
    "$SYFT" scan --quiet "docker-archive:$archive" --source-name "$(repository "$worker")" --source-version "$TAG" \
        --output "spdx-json=$name.spdx.json" --output "cyclonedx-json=$name.cyclonedx.json"
    rm -f "$archive"
    echo "$name.spdx.json, $name.cyclonedx.json"
done

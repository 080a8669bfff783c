# What the scripts of images.mk share. ENGINE, FLAVOR, PLATFORM, REGISTRY, TAG, ALIAS and
# BASE_IMAGE come from make, and are explained in docs/images.md.
# shellcheck shell=sh disable=SC2034

# Without PLATFORM everything is for this machine's own.
STAND_IN=localhost/sedna-tinyms/base:stand-in${PLATFORM:+-${PLATFORM##*/}}
STAND_IN_LABEL=io.sedna-tinyms.stand-in
WORKERS="train eval infer"

fail() {
    echo "make: $*" >&2
    exit 1
}

# A docker command on PATH says nothing: its daemon has to answer.
answers() {
    command -v "$1" >/dev/null && { [ "$1" != docker ] || docker info >/dev/null 2>&1; }
}

choose_engine() {
    if [ -n "${ENGINE:-}" ]; then
        answers "$ENGINE" || fail "ENGINE=$ENGINE is not installed or does not answer: install or start it, or name docker, podman or buildah"
    elif answers docker; then
        ENGINE=docker
    elif answers podman; then
        ENGINE=podman
    elif answers buildah; then
        ENGINE=buildah
    else
        fail "no container engine answers here: start Docker, or install podman (Debian: apt-get install podman buildah runc)"
    fi
    if [ "$ENGINE" = docker ]; then
        docker buildx version >/dev/null 2>&1 || fail "this docker cannot use BuildKit: install its buildx plugin, or use ENGINE=podman"
        export DOCKER_BUILDKIT=1
    elif [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
        # crun refuses the old cgroups, and a build needs none.
        export BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}"
    fi
}

# runs_arm64: whether this machine emulates arm64
runs_arm64() {
    grep -qs '^enabled' /proc/sys/fs/binfmt_misc/qemu-aarch64
}

# is_here IMAGE
is_here() {
    case $ENGINE in
    buildah) buildah inspect --type image "$1" >/dev/null 2>&1 ;;
    *) $ENGINE image inspect "$1" >/dev/null 2>&1 ;;
    esac
}

# is_stand_in IMAGE: whether it is the stand-in base, or is built on it
is_stand_in() {
    case $ENGINE in
    buildah) label=$(buildah inspect --type image --format "{{index .OCIv1.Config.Labels \"$STAND_IN_LABEL\"}}" "$1") ;;
    *) label=$($ENGINE image inspect --format "{{index .Config.Labels \"$STAND_IN_LABEL\"}}" "$1") ;;
    esac
    [ "$label" = true ]
}

# repository WORKER: its name without a tag
repository() {
    suffix=
    [ "$FLAVOR" = cpu ] || suffix=-$FLAVOR
    echo "${REGISTRY:+$REGISTRY/}sedna-tinyms/$1$suffix"
}

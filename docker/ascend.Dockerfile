# The workers for Ascend: one image trains, evaluates and serves with MindSpore on CANN.
# Other chips have other CANN images; MindSpore 2.10 runs with CANN 8.2, 8.3, 8.5, 9.0 and 9.1.
ARG BASE_IMAGE=quay.io/ascend/cann:8.5.0-910b-ubuntu22.04-py3.11

FROM ${BASE_IMAGE} AS build
# hadolint ignore=DL3008 # Debian and Ubuntu keep one version of a package: a pinned one vanishes
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
# CANN's compilers are Python too, and need the packages of the base image.
RUN python3 -m venv /opt/pip && python3 -m venv --system-site-packages --without-pip /opt/venv
COPY docker/build /build

FROM build AS packages
COPY requirements/train.txt /build/
RUN --mount=type=secret,id=ca_bundle --mount=type=cache,target=/root/.cache/pip \
    /build/install.sh ascend /build/train.txt

FROM build AS code
COPY backend /code/backend
COPY workers /code/workers
RUN /build/compile.sh /code

FROM ${BASE_IMAGE} AS worker
# hadolint ignore=DL3008 # Debian and Ubuntu keep one version of a package: a pinned one vanishes
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /code /opt/venv/lib/python3.11/site-packages
# From here on CANN is needed.
RUN if [ ! -d "${ASCEND_OPP_PATH:-}" ]; then \
        echo "the base image does not contain CANN (ASCEND_OPP_PATH is not a folder): choose one with BASE_IMAGE=" >&2; exit 1; \
    fi
# The host's driver gives its devices to the group HwHiAiUser, 1000 unless it was installed otherwise.
ARG DRIVER_GID=1000
RUN if ! getent group "${DRIVER_GID}"; then groupadd --gid "${DRIVER_GID}" HwHiAiUser; fi \
    && useradd --uid 10001 --user-group --groups "${DRIVER_GID}" --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin worker
# /tmp is the one folder that has to be writable; nothing is imported from it.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    DEVICE_CATEGORY=NPU \
    ONEDNN_MAX_CPU_ISA=AVX2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1
WORKDIR /tmp
USER 10001:10001
ENTRYPOINT ["tini", "--", "python", "-m", "workers"]
ARG BASE_IMAGE VERSION REVISION CREATED
LABEL org.opencontainers.image.title="sedna-tinyms train, eval and infer, Ascend" \
      org.opencontainers.image.description="Workers for KubeEdge Sedna's incremental learning: TinyMS on MindSpore and CANN" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

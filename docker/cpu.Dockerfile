# The workers for a CPU.
#   train  MindSpore, TinyMS and ONNX Runtime: trains, evaluates, and serves every format
#   infer  ONNX Runtime alone: serves .onnx models
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BASE_IMAGE} AS python
# hadolint ignore=DL3008 # Debian keeps one version of a package: a pinned one vanishes
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 python3 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/bin/tini-static \
        /usr/lib/python3.11/lib2to3 /usr/lib/python3.11/pydoc_data /usr/lib/python3.11/test \
    && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin worker

FROM python AS build
# hadolint ignore=DL3008 # Debian keeps one version of a package: a pinned one vanishes
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/pip \
    && python3 -m venv --without-pip /opt/venv
COPY docker/build /build

FROM build AS infer-packages
COPY requirements/infer.txt /build/
RUN --mount=type=secret,id=ca_bundle --mount=type=cache,target=/root/.cache/pip \
    /build/install.sh cpu /build/infer.txt

FROM build AS train-packages
COPY requirements/train.txt /build/
RUN --mount=type=secret,id=ca_bundle --mount=type=cache,target=/root/.cache/pip \
    /build/install.sh cpu /build/train.txt

FROM build AS code
COPY backend /code/backend
COPY workers /code/workers
RUN /build/compile.sh /code

FROM train-packages AS kernels
WORKDIR /code
COPY backend /code/backend
# Other architectures train with MindSpore's own kernels.
# hadolint ignore=DL3008 # Debian keeps one version of a package: a pinned one vanishes
RUN mkdir /built \
    && if [ "$(uname -m)" = x86_64 ]; then \
        apt-get update && apt-get install --yes --no-install-recommends g++ \
        && rm -rf /var/lib/apt/lists/* \
        && /opt/venv/bin/python -m backend.mindspore.kernels.library x86-64-v3 \
        && mv backend/mindspore/kernels/kernels.so /built; \
    fi

FROM python AS worker
# /tmp is the one folder that has to be writable; nothing is imported from it.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1
WORKDIR /tmp
USER 10001:10001
# As PID 1 Python would ignore SIGTERM until a worker has set its handler.
ENTRYPOINT ["tini", "--", "python", "-m", "workers"]

FROM worker AS infer
COPY --from=infer-packages /opt/venv /opt/venv
COPY --from=code /code /opt/venv/lib/python3.11/site-packages
ARG BASE_IMAGE VERSION REVISION CREATED
LABEL org.opencontainers.image.title="sedna-tinyms infer, CPU" \
      org.opencontainers.image.description="Inference worker for KubeEdge Sedna's incremental learning: ONNX Runtime" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM worker AS train
# MindSpore picks oneDNN's slow reference convolution on CPUs with AVX-512.
ENV ONEDNN_MAX_CPU_ISA=AVX2
COPY --from=train-packages /opt/venv /opt/venv
COPY --from=code /code /opt/venv/lib/python3.11/site-packages
COPY --from=kernels /built /opt/venv/lib/python3.11/site-packages/backend/mindspore/kernels/
ARG BASE_IMAGE VERSION REVISION CREATED
LABEL org.opencontainers.image.title="sedna-tinyms train and eval, CPU" \
      org.opencontainers.image.description="Train and eval workers for KubeEdge Sedna's incremental learning: TinyMS on MindSpore" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

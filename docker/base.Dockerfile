# A stand-in for debian:bookworm-slim on machines that reach no registry: `make base-image`.
FROM scratch
ADD base.tar /
LABEL io.sedna-tinyms.stand-in="true" \
      org.opencontainers.image.title="Stand-in for debian:bookworm-slim" \
      org.opencontainers.image.description="Made by mmdebstrap on this machine; never to be pushed"

# syntax=docker/dockerfile:1

# The gateway as a static binary, and nothing else: no shell, no root.
#
#   docker build --build-arg VERSION=v1.2.3 -t tycostream .
#   docker run -p 4000:4000 tycostream demo --listen-host 0.0.0.0
#   docker run -p 4000:4000 -v ./schema.yaml:/etc/tycostream/schema.yaml:ro \
#     -e DATABASE_URL=postgres://... tycostream

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make build VERSION="$VERSION"
# The folders and certificates of the image, which has no tool to make them.
RUN mkdir -p /image/data /image/etc/tycostream /image/etc/ssl/certs /image/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && cp bin/tycostream /image/tycostream \
 && chmod 1777 /image/tmp \
 && chown 65532:65532 /image/data

FROM scratch
COPY --from=build /image/ /
# Configuration is mounted read-only: schema.yaml, and tycostream.yaml if there
# is one (then set TYCOSTREAM_CONFIG=/etc/tycostream/tycostream.yaml).
ENV SCHEMA_PATH=/etc/tycostream/schema.yaml
# What must outlive the container.
VOLUME /data
WORKDIR /data
USER 65532:65532
EXPOSE 4000
# The binary asks itself, with the settings that it runs with.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["/tycostream", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/tycostream"]
CMD ["serve"]

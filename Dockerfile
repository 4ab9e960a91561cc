# syntax=docker/dockerfile:1

# The image holds one static binary and the certificate authorities: no shell, no package
# manager, no root.
#
#   docker build --build-arg VERSION=1.0.0 -t oktasync:1.0.0 .
#   docker run -p 8080:8080 -v oktasync-data:/data --env-file .env oktasync:1.0.0 serve --migrate

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src

# The modules change less often than the code, so they get a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/oktasync ./cmd/oktasync

# Folders that the service may write to: its data, and /tmp, where SQLite sorts what does not
# fit in memory.
RUN mkdir -p /out/data /out/tmp && chmod 0750 /out/data && chmod 1777 /out/tmp

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="oktasync" \
      org.opencontainers.image.description="Makes a product's directory follow Okta" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /out/oktasync /oktasync

# A number, because there is no /etc/passwd, and because Kubernetes can only check a number
# for "not root".
USER 65532:65532
# The default database, sqlite:data/oktasync.db, is /data/oktasync.db from here.
WORKDIR /
VOLUME /data
# Inside a container the default of 127.0.0.1 could not be reached.
ENV OKTASYNC_SERVER_LISTEN=0.0.0.0:8080
EXPOSE 8080
# The binary asks itself, as there is no curl.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/oktasync", "healthcheck"]
# oktasync drains on SIGTERM, which is also what stop sends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/oktasync"]
CMD ["serve"]

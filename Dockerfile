# Sluice in a scratch image: docker build -t sluice . && docker run --network host sluice

# The codec's wasm comes from npm and is translated to Go.
FROM --platform=$BUILDPLATFORM node:22-bookworm-slim AS assets
RUN apt-get update && apt-get install -y --no-install-recommends make ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY tools/opus tools/opus
RUN make -f tools/opus/opus.mk opus-wasm

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=assets /src/.cache .cache
ARG TARGETOS TARGETARCH VERSION=docker
RUN make opus && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags opus \
	-ldflags "-s -w -X main.version=$VERSION" -o /out/sluice . && mkdir /out/records

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/sluice /sluice
COPY LICENSE NOTICE conf/sluice.yaml /conf/
# The record folder, ./records: mount a volume there to keep what is recorded.
COPY --from=build --chown=65532:65532 /out/records /records
USER 65532:65532
EXPOSE 1935 4935 5544 5322 8080 4433 8000/udp 8000/tcp 30000-30099/udp
HEALTHCHECK --interval=10s --timeout=5s CMD ["/sluice", "healthcheck"]
ENTRYPOINT ["/sluice"]
CMD ["serve", "-c", "/conf/sluice.yaml"]

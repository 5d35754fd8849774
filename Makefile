# Everything a contributor runs. `make help` prints the targets.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO      ?= go
TAGS    ?= opus
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help
help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

-include tools/opus/opus.mk

.PHONY: build
build: opus ## build bin/sluice, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/sluice .

.PHONY: run
run: build ## build all, serve with the demo picture, and print the URLs to open
	./bin/sluice serve -c conf/sluice.yaml --demo

.PHONY: test
test: deps opus lint unit e2e ## everything that CI demands: lint, unit tests with -race, end-to-end tests with real clients

.PHONY: unit
unit: opus ## unit tests with the race detector
	$(GO) test -race -timeout 20m -tags '$(TAGS)' ./...

.PHONY: e2e
e2e: build ## end-to-end tests with real ffmpeg and Chromium
	cd test/e2e && SLUICE_BIN=$(CURDIR)/bin/sluice $(GO) test -count=1 -timeout 40m ./...

.PHONY: lint
lint: opus ## gofumpt, go vet and golangci-lint
	@out=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi
	$(TOOL) golangci-lint run --build-tags '$(TAGS)' ./...

.PHONY: fmt
fmt: ## format all Go files
	$(TOOL) gofumpt -w $$(git ls-files '*.go')

.PHONY: vuln
vuln: opus ## look up known vulnerabilities (needs the Go vulnerability database)
	$(TOOL) govulncheck -tags '$(TAGS)' ./...

.PHONY: cross
cross: opus ## compile for every platform that is released
	@for p in linux/amd64 linux/arm64 linux/arm darwin/arm64 windows/amd64; do \
		echo "  $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' \
			-o bin/cross/sluice-$${p%/*}-$${p#*/} . || exit 1; \
	done

.PHONY: bench
bench: opus ## benchmarks; compare ratios of one run, absolute times drift
	$(GO) test -tags '$(TAGS)' -run '^$$' -bench . -benchmem ./server/... ./protocols/... ./webrtc/... ./test/bench

FUZZTIME ?= 5m
.PHONY: fuzz
fuzz: opus ## run every fuzz target for FUZZTIME (5m)
	@tools/fuzz $(FUZZTIME)

.PHONY: soak
soak: opus ## 30 minutes of everybody that comes and goes, with the race detector; SOAK sets the time
	$(GO) build -race -tags '$(TAGS)' -o bin/sluice-race .
	cd test/e2e && SLUICE_BIN=$(CURDIR)/bin/sluice-race SOAK=$(or $(SOAK),30m) $(GO) test -count=1 -v -timeout 12h -run TestSoak ./...

.PHONY: matrix
matrix: build ## every input to every output, measured; writes docs/matrix.md
	cd test/e2e && SLUICE_BIN=$(CURDIR)/bin/sluice MATRIX=$(CURDIR)/docs/matrix.md $(GO) test -count=1 -timeout 40m -run TestMatrix ./...

.PHONY: deps
deps: ## install what the tests need (Debian, as root), or name it
	@tools/deps

.PHONY: clean
clean: ## remove what was built
	rm -rf bin

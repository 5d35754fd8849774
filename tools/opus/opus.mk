# Included by the Makefile: libopus as Go source, for the build tag "opus".
# What the package must be is pinned by its hash in tools/opus/main.go.
OPUS_NPM := @evan/opus@1.0.3
OPUS_TGZ := .cache/opus/evan-opus-1.0.3.tgz
OPUS_SRC := server/transcode/opus/internal/libopus/libopus_gen.go

.PHONY: opus
opus: $(OPUS_SRC) ## translate libopus to Go (once; needs npm the first time)

$(OPUS_SRC): tools/opus/main.go tools/opus/go.mod tools/opus/go.sum
	@test -e $(OPUS_TGZ) || $(MAKE) -f tools/opus/opus.mk opus-wasm
	go run -C tools/opus . $(CURDIR)/$(OPUS_TGZ) $(CURDIR)/$(OPUS_SRC)

# The part that needs npm and no Go.
.PHONY: opus-wasm
opus-wasm: $(OPUS_TGZ)

$(OPUS_TGZ):
	mkdir -p $(@D)
	npm pack --silent --pack-destination $(@D) $(OPUS_NPM)

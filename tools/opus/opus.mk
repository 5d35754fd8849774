# Included by the Makefile: libopus as Go source, for the build tag "opus".
OPUS_SRC := server/transcode/opus/internal/libopus/libopus_gen.go

.PHONY: opus
opus: $(OPUS_SRC) ## fetch libopus (npm, once) and translate it to Go

$(OPUS_SRC): tools/opus/main.go tools/opus/go.mod tools/opus/go.sum
	go run -C tools/opus .

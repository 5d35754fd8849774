//go:build opus

package opus

import (
	"fmt"

	"sluice/server/transcode/internal/pcm"
	"sluice/server/transcode/opus/internal/libopus"
)

// Available reports whether this program has the codec.
const Available = true

// Where things lie in a codec's memory.
const (
	statePtr  = libopus.StackTop // at most 48 kB
	packetPtr = statePtr + 64<<10
	pcmPtr    = packetPtr + 64<<10
)

// Requests of opus_encoder_ctl and opus_decoder_ctl, and values for them
// (opus_defines.h).
const (
	applicationAudio  = 2049
	setBitrate        = 4002
	setComplexity     = 4010
	setInbandFEC      = 4012
	setPacketLossPerc = 4014
	setDTX            = 4016
	getLookahead      = 4027
	resetState        = 4028
	setLSBDepth       = 4036
)

// instance is one libopus with its memory. libopus allocates nothing itself:
// the state stands at a fixed place.
type instance struct {
	mod    *libopus.Module
	mem    []byte
	broken bool
}

func newInstance() instance {
	mod := libopus.New(host{}, host{})
	return instance{mod: mod, mem: *mod.Xmemory().Slice()}
}

// guard ends a codec whose C program has run out of its memory or given up.
// It is deferred.
func (i *instance) guard(err *error) {
	if r := recover(); r != nil {
		i.broken = true
		*err = fmt.Errorf("%w: %v", ErrBroken, r)
	}
}

// putPCM writes samples as 16-bit ones.
func (i *instance) putPCM(samples []float32) {
	mem := i.mem[pcmPtr : pcmPtr+2*len(samples)]
	for k, x := range samples {
		v := pcm.Int16(x)
		mem[2*k], mem[2*k+1] = byte(v), byte(v>>8)
	}
}

// appendPCM appends n samples, all channels counted.
func (i *instance) appendPCM(dst []float32, n int) []float32 {
	mem := i.mem[pcmPtr : pcmPtr+2*n]
	for k := 0; k+1 < len(mem); k += 2 {
		dst = append(dst, pcm.Float(int16(mem[k])|int16(mem[k+1])<<8))
	}
	return dst
}

// host is what the C program asks of its system: nothing that it needs.
type host struct{}

func (host) Xfd_close(int32) int32                      { return 0 } //nolint:revive,staticcheck // the import's name
func (host) Xfd_seek(int32, int64, int32, int32) int32  { return 0 } //nolint:revive,staticcheck // the import's name
func (host) Xfd_write(int32, int32, int32, int32) int32 { return 0 } //nolint:revive,staticcheck // the import's name
func (host) Xemscripten_notify_memory_growth(int32)     {}           //nolint:revive,staticcheck // the import's name

func (host) Xproc_exit(code int32) { //nolint:revive,staticcheck // the import's name
	panic(fmt.Sprintf("exit %d", code))
}

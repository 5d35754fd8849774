package rtmp

import (
	"strings"

	"sluice/protocols/container/amf"
)

// FourCCMask says what a peer can do with a codec (Enhanced RTMP v2,
// "Enhancing NetConnection connect Command").
type FourCCMask uint32

// The bits of FourCCMask.
const (
	CanDecode  FourCCMask = 1
	CanEncode  FourCCMask = 2
	CanForward FourCCMask = 4
)

// ExMask is a set of extended capabilities.
type ExMask uint32

// The bits of ExMask.
const (
	ExReconnect  ExMask = 1 // understands NetConnection.Connect.ReconnectRequest
	ExMultitrack ExMask = 2
	ExModEx      ExMask = 4
	ExNanoOffset ExMask = 8
)

// Capabilities is what a peer announces in or in answer to the connect
// command. The zero value is a peer without Enhanced RTMP.
type Capabilities struct {
	// FourCCs are the codecs by lower-case FourCC; "*" stands for all.
	FourCCs map[string]FourCCMask
	Ex      ExMask
}

// Takes reports whether the peer can decode or forward the codec with that
// FourCC when it is signalled by FourCC.
func (c Capabilities) Takes(fourCC string) bool {
	return (c.FourCCs[strings.ToLower(fourCC)]|c.FourCCs["*"])&(CanDecode|CanForward) != 0
}

// Enhanced reports whether the peer announced Enhanced RTMP at all.
func (c Capabilities) Enhanced() bool { return len(c.FourCCs) > 0 || c.Ex != 0 }

// AllCapabilities is what a peer announces that passes everything on. This
// package's servers do, and its clients unless told otherwise.
func AllCapabilities() Capabilities {
	return Capabilities{
		FourCCs: map[string]FourCCMask{"*": CanForward},
		Ex:      ExReconnect | ExMultitrack | ExModEx | ExNanoOffset,
	}
}

// parseCapabilities reads the properties of a connect command or of its
// answer.
func parseCapabilities(o amf.Object) Capabilities {
	c := Capabilities{Ex: ExMask(amf.Get[float64](o, "capsEx"))}
	add := func(fourCC string, m FourCCMask) {
		if c.FourCCs == nil {
			c.FourCCs = make(map[string]FourCCMask)
		}
		c.FourCCs[strings.ToLower(fourCC)] |= m
	}
	for _, v := range amf.Get[amf.Array](o, "fourCcList") {
		if s, ok := v.(string); ok {
			add(s, CanDecode|CanEncode|CanForward)
		}
	}
	for _, name := range []string{"videoFourCcInfoMap", "audioFourCcInfoMap"} {
		infos, _ := o.Get(name)
		for _, p := range amf.Properties(infos) {
			if mask, ok := p.Value.(float64); ok {
				add(p.Name, FourCCMask(mask))
			}
		}
	}
	return c
}

// properties is what to add to a connect command or its answer.
func (c Capabilities) properties() amf.Object {
	list, infos := amf.Array{}, amf.Object{}
	for fourCC, mask := range c.FourCCs {
		list = append(list, fourCC)
		infos = append(infos, amf.Property{Name: fourCC, Value: float64(mask)})
	}
	return amf.Object{
		{Name: "fourCcList", Value: list},
		{Name: "videoFourCcInfoMap", Value: infos},
		{Name: "audioFourCcInfoMap", Value: infos},
		{Name: "capsEx", Value: float64(c.Ex)},
	}
}

package mpegts

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	tablePAT = 0x00
	tablePMT = 0x02

	sectionHeader = 3
	crcSize       = 4

	// maxSection is the size of the largest PAT or PMT section (2.4.4.4).
	maxSection = 1024
	// maxStreams bounds the streams of a PMT: more than maxSection has room for.
	maxStreams = maxSection / 5
)

// errSection is returned for sections that are malformed or whose checksum is
// wrong.
var errSection = errors.New("mpegts: malformed section")

// section is a table section with the long header (2.4.4.11).
type section struct {
	table   byte
	id      uint16 // transport_stream_id or program_number
	version uint8
	current bool   // current_next_indicator
	number  uint8  // section_number
	body    []byte // between header and checksum
}

// parseSection reads a whole section and checks it.
func parseSection(b []byte) (section, error) {
	const fixed = sectionHeader + 5
	if len(b) < fixed+crcSize || len(b) > maxSection || b[1]&0x80 == 0 {
		return section{}, errSection
	}
	if n := int(binary.BigEndian.Uint16(b[1:])&0xfff) + sectionHeader; n != len(b) {
		return section{}, fmt.Errorf("%w: %d bytes, the header says %d", errSection, len(b), n)
	}
	if crc32(b) != 0 {
		return section{}, fmt.Errorf("%w: checksum", errSection)
	}
	return section{
		table: b[0], id: binary.BigEndian.Uint16(b[3:]), version: b[5] >> 1 & 0x1f,
		current: b[5]&1 != 0, number: b[6], body: b[fixed : len(b)-crcSize],
	}, nil
}

// append appends the section with its checksum.
func (s section) append(dst []byte) []byte {
	start := len(dst)
	length := 5 + len(s.body) + crcSize
	version := 0xc0 | s.version<<1
	if s.current {
		version |= 1
	}
	dst = append(dst, s.table, 0xb0|byte(length>>8), byte(length), byte(s.id>>8), byte(s.id), version, s.number, s.number)
	dst = append(dst, s.body...)
	return binary.BigEndian.AppendUint32(dst, crc32(dst[start:]))
}

// program is an entry of a PAT (2.4.4.3).
type program struct {
	number uint16 // 0 names the network PID
	pid    uint16 // of its PMT
}

// parsePAT reads the body of a PAT section.
func parsePAT(body []byte) ([]program, error) {
	if len(body)%4 != 0 {
		return nil, fmt.Errorf("%w: PAT", errSection)
	}
	list := make([]program, 0, len(body)/4)
	for ; len(body) > 0; body = body[4:] {
		list = append(list, program{binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:]) & 0x1fff})
	}
	return list, nil
}

func appendPAT(dst []byte, list ...program) []byte {
	for _, p := range list {
		dst = binary.BigEndian.AppendUint16(dst, p.number)
		dst = binary.BigEndian.AppendUint16(dst, 0xe000|p.pid)
	}
	return dst
}

// programMap is a PMT (2.4.4.8).
type programMap struct {
	pcrPID      uint16
	descriptors []byte
	streams     []stream
}

// stream is an elementary stream of a PMT.
type stream struct {
	kind        byte // stream_type
	pid         uint16
	descriptors []byte
}

// parsePMT reads the body of a PMT section; descriptors alias it.
func parsePMT(body []byte) (programMap, error) {
	if len(body) < 4 {
		return programMap{}, fmt.Errorf("%w: PMT", errSection)
	}
	m := programMap{pcrPID: binary.BigEndian.Uint16(body) & 0x1fff}
	var ok bool
	if m.descriptors, body, ok = cutLoop(body[2:]); !ok {
		return programMap{}, fmt.Errorf("%w: PMT descriptors", errSection)
	}
	for len(body) > 0 {
		if len(body) < 5 || len(m.streams) == maxStreams {
			return programMap{}, fmt.Errorf("%w: PMT streams", errSection)
		}
		s := stream{kind: body[0], pid: binary.BigEndian.Uint16(body[1:]) & 0x1fff}
		if s.descriptors, body, ok = cutLoop(body[3:]); !ok {
			return programMap{}, fmt.Errorf("%w: PMT descriptors", errSection)
		}
		m.streams = append(m.streams, s)
	}
	return m, nil
}

// cutLoop returns the descriptors after their 12-bit length, and what follows.
func cutLoop(b []byte) (loop, rest []byte, ok bool) {
	n := int(binary.BigEndian.Uint16(b) & 0xfff)
	if b = b[2:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

func (m programMap) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, 0xe000|m.pcrPID)
	dst = append(dst, 0xf0|byte(len(m.descriptors)>>8), byte(len(m.descriptors)))
	dst = append(dst, m.descriptors...)
	for _, s := range m.streams {
		dst = binary.BigEndian.AppendUint16(append(dst, s.kind), 0xe000|s.pid)
		dst = append(dst, 0xf0|byte(len(s.descriptors)>>8), byte(len(s.descriptors)))
		dst = append(dst, s.descriptors...)
	}
	return dst
}

package jitter

import (
	"time"

	"sluice/protocols/container/rtp"
	"sluice/server/media"
)

// Statistics keeps what a receiver reports of one source (RFC 3550 6.4.1, by
// the algorithms of its appendices A.1, A.3 and A.8).
type Statistics struct {
	clock int // rate of the RTP clock in Hz

	started  bool
	ssrc     uint32
	epoch    time.Time
	base     int64  // the first sequence number
	highest  int64  // extended by its wraps, which the upper 16 bits count
	jump     uint16 // the sequence number that would confirm a restart
	jumped   bool
	received int64

	expectedPrior, receivedPrior int64 // at the last report

	transit int64 // of the last packet, in ticks
	jitter  int64 // in ticks, times 16

	senderReport   uint32 // middle 32 bits of the last sender report's NTP time
	senderReportAt time.Time
}

// Report is a reception report block (RFC 3550 6.4.1), without the SSRC.
type Report struct {
	FractionLost     uint8  // of the packets since the last report, in 1/256
	TotalLost        int32  // packets, within 24 signed bits; negative with duplicates
	HighestSequence  uint32 // with the count of wraps in its upper half
	Jitter           uint32 // in ticks of the RTP clock
	LastSenderReport uint32 // middle 32 bits of its NTP time, 0 before the first
	Delay            uint32 // since the last sender report, in 1/65536 s
}

// NewStatistics returns the Statistics of a source whose clock runs at the
// given rate in Hz.
func NewStatistics(clock int) *Statistics { return &Statistics{clock: clock} }

// Update takes note of a packet, in order of arrival, and not of those that
// came by retransmission in a stream of their own (RFC 4588 5). Another SSRC
// starts over, and so do two packets in a row whose sequence numbers are far
// away from the others.
func (s *Statistics) Update(p rtp.Packet, now time.Time) {
	if !s.started || p.SSRC != s.ssrc {
		s.restart(p, now)
		return
	}
	step := int64(int16(p.Sequence - uint16(s.highest)))
	if step >= maxDropout || step <= -maxDropout {
		if s.jumped && p.Sequence == s.jump {
			s.restart(p, now)
			return
		}
		s.jump, s.jumped = p.Sequence+1, true
		return
	}
	s.jumped = false
	s.highest = max(s.highest, s.highest+step)
	s.received++

	transit := media.ToClock(now.Sub(s.epoch), s.clock) - int64(p.Timestamp)
	d := int64(int32(transit - s.transit))
	s.transit = transit
	s.jitter += max(d, -d) - (s.jitter+8)>>4
}

// restart begins with p as the first packet.
func (s *Statistics) restart(p rtp.Packet, now time.Time) {
	report, at := s.senderReport, s.senderReportAt
	if s.started && p.SSRC != s.ssrc {
		report, at = 0, time.Time{}
	}
	*s = Statistics{
		senderReport: report, senderReportAt: at, // which may come before the first packet
		clock: s.clock, started: true, ssrc: p.SSRC, epoch: now,
		base: int64(p.Sequence), highest: int64(p.Sequence), received: 1,
		transit: -int64(p.Timestamp),
	}
}

// Jitter returns the interarrival jitter (RFC 3550 6.4.1).
func (s *Statistics) Jitter() time.Duration { return media.FromClock(s.jitter>>4, s.clock) }

// SenderReport takes note of a sender report, whose NTP time is a 64-bit
// fixed-point number of seconds.
func (s *Statistics) SenderReport(ntp uint64, now time.Time) {
	s.senderReport, s.senderReportAt = uint32(ntp>>16), now
}

// Report returns the report block for now, and begins a new interval for its
// FractionLost; false before the first packet.
func (s *Statistics) Report(now time.Time) (Report, bool) {
	if !s.started {
		return Report{}, false
	}
	expected := s.highest - s.base + 1
	expectedNow, receivedNow := expected-s.expectedPrior, s.received-s.receivedPrior
	s.expectedPrior, s.receivedPrior = expected, s.received

	r := Report{
		TotalLost:       int32(min(max(expected-s.received, -1<<23), 1<<23-1)),
		HighestSequence: uint32(s.highest),
		Jitter:          uint32(s.jitter >> 4),
	}
	if lost := expectedNow - receivedNow; lost > 0 {
		r.FractionLost = uint8(min(lost<<8/expectedNow, 255))
	}
	if !s.senderReportAt.IsZero() {
		r.LastSenderReport = s.senderReport
		r.Delay = uint32(media.ToClock(now.Sub(s.senderReportAt), 65536))
	}
	return r, true
}

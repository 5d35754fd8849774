package fmp4

import "sluice/server/media"

// movieTimescale is the clock of the movie header in Hz.
const movieTimescale = 1000

// Init returns the initialisation segment of a live stream: ftyp and moov, with
// no duration. The tracks must be ones that Carries, and there must be one.
func Init(ts media.Tracks) ([]byte, error) { return newInit(ts, false) }

// FileInit returns the start of a file of which more will be known: Init with room
// for Index.Complete, of which the segment index gets that many bytes, 8 at least,
// or none.
func FileInit(ts media.Tracks, room int) ([]byte, error) {
	b, err := newInit(ts, true)
	if err != nil || room < headerSize {
		return b, err
	}
	w := &writer{b: b}
	free := w.box("free")
	w.zero(room - headerSize)
	w.end(free)
	return w.b, nil
}

func newInit(ts media.Tracks, file bool) ([]byte, error) {
	if err := check(ts); err != nil {
		return nil, err
	}
	w := &writer{b: make([]byte, 0, 2048)}
	writeFileType(w, ts)
	moov := w.box("moov")
	writeMovieHeader(w)
	for _, t := range ts.Media() {
		if err := writeTrack(w, t); err != nil {
			return nil, err
		}
	}
	mvex := w.box("mvex")
	if file {
		mehd := w.full("mehd", 1, 0)
		w.u64(0)
		w.end(mehd)
	}
	for _, t := range ts.Media() {
		trex := w.full("trex", 0, 0)
		w.u32(TrackID(t.Codec.Kind()))
		w.u32(1) // the one sample description
		w.zero(3 * 4)
		w.end(trex)
	}
	w.end(mvex)
	w.end(moov)
	return w.b, nil
}

// writeFileType writes ftyp (4.3). iso6 is the first brand with signed
// composition offsets and default-base-is-moof.
func writeFileType(w *writer, ts media.Tracks) {
	ftyp := w.box("ftyp")
	w.text("iso6")
	w.u32(0)
	w.text("iso6mp41")
	if v := ts.Video; v != nil && v.Codec == media.AV1 {
		w.text("av01")
	}
	if len(ts.Media()) == 1 {
		w.text("cmfc")
	}
	w.end(ftyp)
}

// AppendSegmentType appends the styp box that may stand before the first
// fragment of an HLS or DASH segment (8.16.2).
func AppendSegmentType(dst []byte) []byte {
	w := &writer{b: dst}
	styp := w.box("styp")
	w.text("msdh")
	w.u32(0)
	w.text("msdhmsixiso6")
	w.end(styp)
	return w.b
}

// writeMovieHeader writes mvhd (8.2.2), in the version whose duration has
// room for any.
func writeMovieHeader(w *writer) {
	mvhd := w.full("mvhd", 1, 0)
	w.zero(2 * 8) // created, modified
	w.u32(movieTimescale)
	w.u64(0)
	w.u32(1 << 16) // rate
	w.u16(1 << 8)  // volume
	w.zero(10)
	writeMatrix(w)
	w.zero(6 * 4)
	w.u32(TrackID(media.Audio) + 1)
	w.end(mvhd)
}

// writeMatrix writes the unity matrix.
func writeMatrix(w *writer) {
	for _, v := range [...]uint32{1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30} {
		w.u32(v)
	}
}

func writeTrack(w *writer, t *media.Track) error {
	trak := w.box("trak")
	writeTrackHeader(w, t)
	mdia := w.box("mdia")
	mdhd := w.full("mdhd", 0, 0)
	w.zero(2 * 4)
	w.u32(uint32(Timescale(t))) //nolint:gosec // a sample rate
	w.u32(0)
	w.u16(0x55c4) // language und
	w.u16(0)
	w.end(mdhd)
	handler, name, header, flags, size := "vide", "Video", "vmhd", uint32(1), 8
	if t.Codec.Kind() == media.Audio {
		handler, name, header, flags, size = "soun", "Sound", "smhd", 0, 4
	}
	hdlr := w.full("hdlr", 0, 0)
	w.u32(0)
	w.text(handler)
	w.zero(3 * 4)
	w.text(name)
	w.u8(0)
	w.end(hdlr)
	minf := w.box("minf")
	head := w.full(header, 0, flags)
	w.zero(size)
	w.end(head)
	dinf := w.box("dinf")
	dref := w.full("dref", 0, 0)
	w.u32(1)
	w.end(w.full("url ", 0, 1)) // the media is in this file
	w.end(dref)
	w.end(dinf)
	if err := writeSampleTable(w, t); err != nil {
		return err
	}
	w.end(minf)
	w.end(mdia)
	w.end(trak)
	return nil
}

// writeTrackHeader writes tkhd (8.3.2).
func writeTrackHeader(w *writer, t *media.Track) {
	const enabledInMovie = 3
	tkhd := w.full("tkhd", 0, enabledInMovie)
	w.zero(2 * 4)
	w.u32(TrackID(t.Codec.Kind()))
	w.zero(4 + 4 + 2*4 + 2*2) // duration, layer, alternate group
	if t.Codec.Kind() == media.Audio {
		w.u16(1 << 8) // volume
	} else {
		w.u16(0)
	}
	w.u16(0)
	writeMatrix(w)
	w.u32(uint32(clamp16(t.Width)) << 16)
	w.u32(uint32(clamp16(t.Height)) << 16)
	w.end(tkhd)
}

// clamp16 returns v as the 16-bit fields of sizes and counts hold it.
func clamp16(v int) uint16 { return uint16(max(0, min(v, 0xffff))) } //nolint:gosec // just bounded

// writeSampleTable writes stbl: the sample description, and the tables that are
// empty where all samples are in fragments.
func writeSampleTable(w *writer, t *media.Track) error {
	stbl := w.box("stbl")
	stsd := w.full("stsd", 0, 0)
	w.u32(1)
	if err := writeEntry(w, t); err != nil {
		return err
	}
	w.end(stsd)
	for _, table := range [...]struct {
		kind string
		size int
	}{{"stts", 4}, {"stsc", 4}, {"stsz", 8}, {"stco", 4}} {
		at := w.full(table.kind, 0, 0)
		w.zero(table.size)
		w.end(at)
	}
	w.end(stbl)
	return nil
}

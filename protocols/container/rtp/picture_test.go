package rtp

import "testing"

var vp8Cases = []rxCase{
	{
		"every descriptor", false,
		[]rx{
			{payload: "10" + "30a2009d012a4001f00001", ts: 1},                    // S
			{payload: "00" + "02", ts: 1, marker: true},                          //
			{payload: "9080" + "05" + "31000003", ts: 2, marker: true},           // picture ID of 7 bits
			{payload: "9080" + "8105" + "31000004", ts: 3, marker: true},         // of 15
			{payload: "90f0" + "8105" + "07" + "21" + "31000005", ts: 4},         // TL0PICIDX, TID, KEYIDX
			{payload: "81f0" + "8105" + "07" + "21" + "06", ts: 4},               // partition 1
			{payload: "91f0" + "8105" + "07" + "21" + "07", ts: 4, marker: true}, // its start
		},
		[]got{
			{payload: "30a2009d012a4001f0000102", ts: 1, key: true},
			{payload: "31000003", ts: 2},
			{payload: "31000004", ts: 3},
			{payload: "310000050607", ts: 4},
		},
		nil,
	},
	{
		"what is refused", false,
		[]rx{
			{payload: "10" + "31000003", ts: 1, marker: true},               // before a key frame
			{payload: "10" + "30a2009d012a4001f00001", ts: 2, marker: true}, //
			{payload: "00" + "02", ts: 3, marker: true},                     // no start
			{payload: "10", ts: 4},                                          // nothing in it
			{payload: "90ff8105", ts: 5},                                    // a descriptor cut short
			{payload: "10" + "31000003", ts: 6},                             //
			{payload: "10" + "31000003", ts: 6},                             // two starts
			{payload: "10" + "30a2009d012b4001f00001", ts: 7, marker: true}, // no start code
			{payload: "10" + "31000009", ts: 8, marker: true},               //
		},
		[]got{{payload: "30a2009d012a4001f00001", ts: 2, key: true, lost: true}, {payload: "31000009", ts: 8, lost: true}},
		[]error{ErrNoConfig, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed},
	},
}

var vp9Cases = []rxCase{
	{
		"every descriptor", false,
		[]rx{
			{payload: "0a" + "18" + "0142" + "00f2" + "01" + "04" + "01" + "824983420014100f1604", ts: 1}, // B, V: one layer, a picture group with a reference
			{payload: "04" + "aa", ts: 1, marker: true},                                                   // E
			{payload: "8c" + "05" + "860001", ts: 2, marker: true},                                        // I, B, E
			{payload: "cc" + "8105" + "860002", ts: 3, marker: true},                                      // P without F has no references
			{payload: "dc" + "8105" + "03" + "05" + "02" + "860003", ts: 4, marker: true},                 // three references
			{payload: "ac" + "8105" + "20" + "09" + "860004", ts: 5, marker: true},                        // L: TL0PICIDX
			{payload: "bc" + "8105" + "20" + "860005", ts: 6, marker: true},                               // L and F: none
		},
		[]got{
			{payload: "824983420014100f1604aa", ts: 1, key: true},
			{payload: "860001", ts: 2},
			{payload: "860002", ts: 3},
			{payload: "860003", ts: 4},
			{payload: "860004", ts: 5},
			{payload: "860005", ts: 6},
		},
		nil,
	},
	{
		"spatial layers become a superframe", false,
		[]rx{
			{payload: "bc" + "01" + "00" + "824983420014100f1604", ts: 1},
			{payload: "fc" + "01" + "03" + "02" + "8600aa", ts: 1, marker: true},
			{payload: "bc" + "02" + "00" + "8600bb", ts: 2},
			{payload: "f8" + "02" + "03" + "02" + "8600", ts: 2},
			{payload: "f4" + "02" + "03" + "02" + "cc", ts: 2, marker: true},
		},
		[]got{
			{payload: "824983420014100f1604" + "8600aa" + "d9" + "0a000000" + "03000000" + "d9", ts: 1, key: true},
			{payload: "8600bb" + "8600cc" + "d9" + "03000000" + "03000000" + "d9", ts: 2},
		},
		nil,
	},
	{
		"what is refused", false,
		[]rx{
			{payload: "0c" + "8600aa", ts: 1, marker: true},                   // before a key frame
			{payload: "0c" + "824983420014100f1604", ts: 2, marker: true},     //
			{payload: "04" + "aa", ts: 3, marker: true},                       // no begin
			{payload: "08" + "8600aa", ts: 4, marker: true},                   // no end
			{payload: "08" + "8600aa", ts: 5},                                 //
			{payload: "08" + "8600aa", ts: 5},                                 // two begins
			{payload: "0c", ts: 6},                                            // nothing in it
			{payload: "8e" + "8105" + "ff", ts: 7},                            // a structure cut short
			{payload: "0c" + "02", ts: 8, marker: true},                       // no frame marker
			{payload: "ac010203" + "8600bb", ts: 9, marker: true, lost: true}, // the base layer is missing
			{payload: "0c" + "8600aa", ts: 10, marker: true},
		},
		[]got{{payload: "824983420014100f1604", ts: 2, key: true, lost: true}, {payload: "8600aa", ts: 10, lost: true}},
		[]error{ErrNoConfig, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrLost},
	},
}

// av1Seq is a sequence header OBU without size field, av1SeqOut with it.
const (
	av1Seq    = "08" + "000000043d07c402f80040"
	av1SeqOut = "0a0b" + "000000043d07c402f80040"
)

var av1Cases = []rxCase{
	{
		"elements and fragments", false,
		[]rx{
			{payload: "28" + "0c" + av1Seq + "3010aa", ts: 1, marker: true},        // W 2, N
			{payload: "00" + "03" + "3030aa" + "02" + "2801", ts: 2, marker: true}, // W 0
			{payload: "60" + "03" + "3030bb" + "30", ts: 3},                        // Y: the header only
			{payload: "d0" + "30cc", ts: 3},                                        // Z, Y
			{payload: "a0" + "01" + "dd" + "3400ee", ts: 3, marker: true},          // Z, and another with layer ids
			{payload: "20" + "02" + "1200" + "320330aaaa", ts: 4, marker: true},    // a temporal delimiter, a size field
		},
		[]got{
			{payload: av1SeqOut + "320210aa", ts: 1, key: true},
			{payload: "320230aa" + "2a0101", ts: 2},
			{payload: "320230bb" + "320330ccdd" + "360001ee", ts: 3},
			{payload: "320330aaaa", ts: 4},
		},
		nil,
	},
	{
		"after a gap only a new sequence is known to be whole", false,
		[]rx{
			{payload: "28" + "0c" + av1Seq + "3010aa", ts: 1, marker: true},
			{payload: "10" + "3030aa", ts: 2, marker: true, lost: true},
			{payload: "10" + "3030bb", ts: 3, marker: true},
			{payload: "20" + "0c" + av1Seq + "3010bb", ts: 4, marker: true, lost: true},
		},
		[]got{
			{payload: av1SeqOut + "320210aa", ts: 1, key: true},
			{payload: "320230bb", ts: 3, lost: true},
			{payload: av1SeqOut + "320210bb", ts: 4, key: true, lost: true},
		},
		[]error{ErrLost, ErrLost},
	},
	{
		"what is refused", false,
		[]rx{
			{payload: "28" + "0c" + av1Seq + "3010aa", ts: 1, marker: true},
			{payload: "10", ts: 2},                          // nothing in it
			{payload: "90" + "aa", ts: 3},                   // a fragment without a start
			{payload: "50" + "3030", ts: 4},                 //
			{payload: "10" + "3030", ts: 4},                 // one without an end
			{payload: "20" + "0930", ts: 5},                 // an element cut short
			{payload: "20" + "ffffffffffff", ts: 6},         // no length
			{payload: "10" + "b030", ts: 7},                 // the forbidden bit
			{payload: "50" + "303030", ts: 8},               //
			{payload: "10" + "303030", ts: 9, marker: true}, // it stays open
			{payload: "10" + "3030bb", ts: 10, marker: true},
		},
		[]got{{payload: av1SeqOut + "320210aa", ts: 1, key: true}, {payload: "320230bb", ts: 10, lost: true}},
		[]error{ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed},
	},
}

func TestPictureCases(t *testing.T) {
	for name, cases := range map[string][]rxCase{"VP8": vp8Cases, "VP9": vp9Cases, "AV1": av1Cases} {
		for _, c := range cases {
			t.Run(name+" "+c.name, func(t *testing.T) {
				c.run(t, must(NewDepacketizer(Format{Name: name, Clock: 90000}, DepacketizerConfig{})))
			})
		}
	}
}

// TestPictureSize has the track follow the size in key frames.
func TestPictureSize(t *testing.T) {
	for name, keys := range map[string][3]string{
		"VP8": {"1030a2009d012a4001f000", "1030a2009d012a4001f000", "1030a2009d012a8002e001"},
		"VP9": {"0c824983420014100f1604", "0c824983420014100f1604", "0c824983420014200f1604"},
	} {
		d := must(NewDepacketizer(Format{Name: name, Clock: 90000}, DepacketizerConfig{}))
		if d.Track() != nil {
			t.Errorf("%s: a track before the first key frame", name)
		}
		var units []Unit
		for i, k := range keys {
			units = must(d.Append(units, Packet{Payload: unhex(k), Timestamp: uint32(i), Marker: true}, false))
		}
		if len(units) != 3 || units[0].Track != units[1].Track || units[1].Track == units[2].Track || units[1].Track.Width == units[2].Track.Width {
			t.Errorf("%s: %+v", name, units)
		}
	}
}

// TestLayerSize takes the size of the highest layer from the scalability
// structure, as the key frame of the lowest has its own.
func TestLayerSize(t *testing.T) {
	d := must(NewDepacketizer(Format{Name: "VP9", Clock: 90000}, DepacketizerConfig{}))
	units := must(d.Append(nil, Packet{Payload: unhex("be" + "01" + "00" + "30" + "0142" + "00f2" + "0284" + "01e4" + "824983420014100f1604")}, false))
	units = must(d.Append(units, Packet{Payload: unhex("fc" + "01" + "03" + "02" + "8600aa"), Marker: true}, false))
	if len(units) != 1 || units[0].Track.Width != 644 || units[0].Track.Height != 484 {
		t.Errorf("%+v", units)
	}
}

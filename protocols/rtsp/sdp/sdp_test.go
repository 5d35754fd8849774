package sdp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/container/rtp"
)

// descriptions have the shapes of what real senders say. They drive the test
// of reading and seed the fuzz target.
var descriptions = []struct {
	name, text string
	want       Session
	control    []string // of each media, from the base rtsp://h/a/
}{
	{
		name: "ffmpeg publishing",
		text: "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=tool:libavformat 59.27.100\r\n" +
			"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAH9oBQBbpUgAAAwACAAADAGQR4wZUAA==,aM48gA==; profile-level-id=42C01F\r\na=control:streamid=0\r\n" +
			"m=audio 0 RTP/AVP 97\r\nb=AS:69\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\na=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=121056E500\r\na=control:streamid=1\r\n",
		want: Session{
			Name: "No Name", Origin: "- 0 0 IN IP4 127.0.0.1",
			Media: []Media{
				{Type: "video", Protocol: "RTP/AVP", Control: "streamid=0", Formats: []Format{{96, rtp.Format{Name: "H264", Clock: 90000, Params: rtp.Params{
					"packetization-mode": "1", "sprop-parameter-sets": "Z0LAH9oBQBbpUgAAAwACAAADAGQR4wZUAA==,aM48gA==", "profile-level-id": "42C01F",
				}}}}},
				{Type: "audio", Protocol: "RTP/AVP", Control: "streamid=1", Formats: []Format{{97, rtp.Format{Name: "MPEG4-GENERIC", Clock: 44100, Channels: 2, Params: rtp.Params{
					"profile-level-id": "1", "mode": "AAC-hbr", "sizelength": "13", "indexlength": "3", "indexdeltalength": "3", "config": "121056E500",
				}}}}},
			},
		},
		control: []string{"rtsp://h/a/streamid=0", "rtsp://h/a/streamid=1"},
	},
	{
		name: "a recorder whose sound has two payload types, with lines of its own",
		text: "v=0\r\no=- 1109 0 IN IP4 0.0.0.0\r\ns=Media Server V5\r\ni=x\r\ne=NONE\r\nb=AS:2080\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n" +
			"m=video 0 RTP/AVP 96\r\ni=Video Media\r\na=recvonly\r\na=control:trackID=video\r\na=rtpmap:96 H265/90000\r\n" +
			"m=audio 0 RTP/AVP 104\r\na=recvonly\r\na=control:trackID=audio\r\na=rtpmap:104 MPEG4-GENERIC/16000\r\na=fmtp:97 mode=AAC-hbr;config=1408\r\n" +
			"a=Media_header:MEDIAINFO=494D4B48;\r\na=appversion:1.0\r\n",
		want: Session{
			Name: "Media Server V5", Origin: "- 1109 0 IN IP4 0.0.0.0", Control: "*", Range: "npt=now-",
			Media: []Media{
				{Type: "video", Protocol: "RTP/AVP", Control: "trackID=video", Direction: RecvOnly, Formats: []Format{{96, rtp.Format{Name: "H265", Clock: 90000}}}},
				{Type: "audio", Protocol: "RTP/AVP", Control: "trackID=audio", Direction: RecvOnly, Formats: []Format{{104, rtp.Format{
					Name: "MPEG4-GENERIC", Clock: 16000, Params: rtp.Params{"mode": "AAC-hbr", "config": "1408"},
				}}}},
			},
		},
		control: []string{"rtsp://h/a/trackID=video", "rtsp://h/a/trackID=audio"},
	},
	{
		name: "LF, no v=, order mixed up, static types, metadata, many formats, absolute controls",
		text: "m=video -1353744643 RTP/AVP 105\nc=IN IP4 '&\xff\xfe\na=control:rtsp://10.0.0.9/media/video1/video\na= rtpmap : 105 h264/90000 \na=fmtp:105 packetization-mode=1\na=fmtp:105 profile-level-id=640032\n" +
			"m=audio 0 RTP/AVP 116 8 200 (null) 8\na=rtpmap:116 x-codec\na=sendonly\nt=0 0\ns=not the session's\n" +
			"m=application/TP-LINK 0 RTP/AVP smart/1/90000\na=rtpmap:95 TP-LINK/90000\na=control:track3\n" +
			"m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000\na=fmtp:107 DecoderTag=h3c-v3 RTCP=0\nm=nonsense\nfoo\n\n=\n",
		want: Session{Media: []Media{
			{
				Type: "video", Protocol: "RTP/AVP", Control: "rtsp://10.0.0.9/media/video1/video",
				Formats: []Format{{105, rtp.Format{Name: "h264", Clock: 90000, Params: rtp.Params{"packetization-mode": "1", "profile-level-id": "640032"}}}},
			},
			{
				Type: "audio", Protocol: "RTP/AVP", Direction: SendOnly,
				Formats: []Format{{116, rtp.Format{Name: "x-codec", Clock: 8000}}, {8, rtp.Format{Name: "PCMA", Clock: 8000}}},
			},
			{Type: "application/tp-link", Protocol: "RTP/AVP", Control: "track3"},
			{Type: "application", Protocol: "RTP/AVP", Formats: []Format{{107, rtp.Format{
				Name: "vnd.onvif.metadata", Clock: 90000, Params: rtp.Params{"decodertag": "h3c-v3 RTCP=0"},
			}}}},
		}},
		control: []string{"rtsp://10.0.0.9/media/video1/video", "rtsp://h/a/", "rtsp://h/a/track3", "rtsp://h/a/"},
	},
	{
		name: "the session's direction and control",
		text: "v=0\r\na=control:rtsp://other/base?x=1\r\na=inactive\r\nm=audio 5004/2 RTP/AVP/TCP 0\r\na=control:/track1\r\nm=video 0 RTP/AVP 26\r\na=sendrecv\r\na=control:?ctype=video",
		want: Session{Control: "rtsp://other/base?x=1", Media: []Media{
			{Type: "audio", Protocol: "RTP/AVP/TCP", Port: 5004, Control: "/track1", Direction: Inactive, Formats: []Format{{0, rtp.Format{Name: "PCMU", Clock: 8000}}}},
			{Type: "video", Protocol: "RTP/AVP", Control: "?ctype=video", Direction: SendRecv, Formats: []Format{{PayloadType: 26}}},
		}},
		control: []string{"rtsp://other/base?x=1/track1", "rtsp://other/base?x=1?ctype=video"},
	},
}

func TestParse(t *testing.T) {
	for _, c := range descriptions {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Error(diff)
			}
			for i := range got.Media {
				if u := got.URL("rtsp://h/a/", i); u != c.control[i] {
					t.Errorf("media %d is at %s", i, u)
				}
			}
			again, err := Parse(got.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			again.Origin, again.Name = got.Origin, got.Name // not empty once written
			for i := range again.Media {
				if again.Media[i].Direction == "" {
					again.Media[i].Direction = got.Media[i].Direction
				}
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("read again: %s", diff)
			}
		})
	}
}

func TestParseRefused(t *testing.T) {
	for _, s := range []string{"", "v=0\r\n", "<html></html>", "m=", "m=video 0"} {
		if _, err := Parse([]byte(s)); !errors.Is(err, ErrNoMedia) {
			t.Errorf("%q: %v", s, err)
		}
	}
	s, err := Parse([]byte(strings.Repeat("m=video 0 RTP/AVP 96\n", 100) + "a=control:last\n"))
	if err != nil || len(s.Media) != MaxMedia || s.Media[MaxMedia-1].Control != "" {
		t.Errorf("%d media, %v", len(s.Media), err)
	}
}

// TestBackchannel: which media are for what clients send.
func TestBackchannel(t *testing.T) {
	const video, sound = "m=video 0 RTP/AVP 96\n", "m=audio 0 RTP/AVP 8\n"
	const send, recv = "a=sendonly\n", "a=recvonly\n"
	for text, want := range map[string][]bool{
		video + recv + sound + recv + sound + send:     {false, false, true},
		sound + send + sound + video:                   {true, false, false},
		sound + send + video + send:                    {false, false}, // the server means itself
		sound + send:                                   {false},
		sound + "m=application 0 RTP/AVP 107\n" + send: {false, false},
		send + video + sound:                           {false, false},
	} {
		s, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if s.Backchannel(i) != w {
				t.Errorf("%q: media %d is a back channel: %v", text, i, !w)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ base, control, want string }{
		{"rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"},
		{"rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"},
		{"rtsp://h/a/", "/trackID=1", "rtsp://h/a/trackID=1"},
		{"rtsp://h/cam?channel=1&subtype=0", "trackID=1", "rtsp://h/cam?channel=1&subtype=0/trackID=1"},
		{"rtsp://h/cam?channel=1&proto=Onvif/", "trackID=1", "rtsp://h/cam?channel=1&proto=Onvif/trackID=1"},
		{"rtsp://h/a", "RTSPS://g/b", "RTSPS://g/b"},
		{"rtsp://h/a", "*", "rtsp://h/a"},
		{"rtsp://h/a", "", "rtsp://h/a"},
		{"rtsp://h/a", "?x=1", "rtsp://h/a?x=1"},
	} {
		if got := resolve(c.base, c.control); got != c.want {
			t.Errorf("%s and %s: %s", c.base, c.control, got)
		}
	}
}

// TestAppend: no value makes a line of its own, and a format without a name has
// no rtpmap.
func TestAppend(t *testing.T) {
	s := &Session{Name: "live/a\r\nx=y", Control: "*", Range: "npt=now-", Media: []Media{
		{Type: "video", Protocol: "RTP/AVP", Control: "trackID=0", Formats: []Format{{PayloadType: 96, Format: rtp.Format{Name: "VP8", Clock: 90000}}}},
		{Type: "audio", Protocol: "RTP/AVP", Control: "trackID=1", Direction: SendOnly, Formats: []Format{
			{PayloadType: 97, Format: rtp.Format{Name: "L16", Clock: 48000, Channels: 2, Params: rtp.Params{"a": "1", "b": ""}}}, {PayloadType: 8},
		}},
	}}
	const want = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live/a  x=y\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n" +
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=control:trackID=0\r\n" +
		"m=audio 0 RTP/AVP 97 8\r\na=rtpmap:97 L16/48000/2\r\na=fmtp:97 a=1;b\r\na=sendonly\r\na=control:trackID=1\r\n"
	if d := cmp.Diff(want, string(s.Append(nil))); d != "" {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range descriptions {
		f.Add([]byte(d.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		for i := range s.Media {
			m := &s.Media[i]
			_ = s.URL("rtsp://h/a", i)
			if len(m.Formats) > MaxFormats {
				t.Fatalf("%d formats", len(m.Formats))
			}
		}
		again, err := Parse(s.Append(nil))
		if err != nil || len(again.Media) != len(s.Media) {
			t.Fatalf("%q is written as %q: %v", b, s.Append(nil), err)
		}
	})
}

package wire

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var transports = []struct {
	name, text, want string // want "": as text
	list             []Transport
}{
	{
		name: "ffmpeg by UDP", text: "RTP/AVP/UDP;unicast;client_port=5000-5001;mode=record",
		want: "RTP/AVP;unicast;client_port=5000-5001;mode=record",
		list: []Transport{{Profile: "RTP/AVP", Lower: UDP, Unicast: true, ClientPort: &Pair{5000, 5001}, Mode: ModeRecord}},
	},
	{
		name: "quoted mode, by TCP", text: `RTP/AVP/TCP;unicast;interleaved=0-1;mode="PLAY"`,
		want: "RTP/AVP/TCP;unicast;interleaved=0-1;mode=play",
		list: []Transport{{Profile: "RTP/AVP", Lower: TCP, Unicast: true, Interleaved: &Pair{0, 1}, Mode: ModePlay}},
	},
	{
		name: "alternatives", text: "RTP/AVP/TCP;unicast;interleaved=2-3,RTP/AVP;multicast;destination=239.0.0.1;port=6000-6001;ttl=16",
		list: []Transport{
			{Profile: "RTP/AVP", Lower: TCP, Unicast: true, Interleaved: &Pair{2, 3}},
			{Profile: "RTP/AVP", Lower: UDP, Multicast: true, Destination: "239.0.0.1", Port: &Pair{6000, 6001}, TTL: 16},
		},
	},
	{
		name: "a server's answer",
		text: "RTP/AVP;unicast;source=10.0.0.1;client_port=5000-5001;server_port=30000-30001;ssrc=0000ABCD",
		list: []Transport{{
			Profile: "RTP/AVP", Lower: UDP, Unicast: true, Source: "10.0.0.1",
			ClientPort: &Pair{5000, 5001}, ServerPort: &Pair{30000, 30001}, SSRC: 0xabcd, HasSSRC: true,
		}},
	},
	{
		name: "blanks, case, one port, nonsense", text: " rtp/avp ; UNICAST; Client_Port=5000 ;ssrc= zz;x;y=1;; mode=receive , junk",
		want: "RTP/AVP;unicast;client_port=5000-5001;mode=record",
		list: []Transport{{Profile: "RTP/AVP", Lower: UDP, Unicast: true, ClientPort: &Pair{5000, 5001}, Mode: ModeRecord}},
	},
	{
		name: "other profile", text: "RTP/SAVP/TCP;unicast;interleaved=0-1",
		list: []Transport{{Profile: "RTP/SAVP", Lower: TCP, Unicast: true, Interleaved: &Pair{0, 1}}},
	},
}

func TestTransport(t *testing.T) {
	for _, c := range transports {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTransports(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.list, got); diff != "" {
				t.Error(diff)
			}
			want := c.want
			if want == "" {
				want = c.text
			}
			if s := FormatTransports(got); s != want {
				t.Errorf("written as %q", s)
			}
		})
	}
	for _, s := range []string{"", ",;,", "RTP", "RTP/AVP;client_port=70000-70001", "RTP/AVP/TCP;interleaved=0-256", "RTP/AVP;port=a", "RTP/AVP;ttl=300", "a/b/c/d"} {
		if got, err := ParseTransports(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
	if got := (Transport{Profile: "RTP/AVP", Destination: "a;b,c\"\r\n"}).String(); got != "RTP/AVP;destination=abc" {
		t.Errorf("%q", got)
	}
}

func FuzzTransport(f *testing.F) {
	for _, c := range transports {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseTransports(s)
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > maxTransports {
			t.Fatalf("%d alternatives", len(list))
		}
		text := FormatTransports(list)
		again, err := ParseTransports(text)
		if err != nil || FormatTransports(again) != text {
			t.Fatalf("%q is written as %q, and that as %q: %v", s, text, FormatTransports(again), err)
		}
	})
}

func TestSession(t *testing.T) {
	for _, c := range []struct {
		text, want string
		s          Session
	}{
		{"abc", "abc", Session{ID: "abc"}},
		{"abc;timeout=60", "abc;timeout=60", Session{"abc", time.Minute}},
		{" abc ; foo ; Timeout = 5", "abc;timeout=5", Session{"abc", 5 * time.Second}},
		{"abc;timeout=x", "abc", Session{ID: "abc"}},
		{"abc;timeout=0", "abc", Session{ID: "abc"}},
		{"abc;timeout=9999999", "abc;timeout=86400", Session{"abc", 24 * time.Hour}},
	} {
		got, err := ParseSession(c.text)
		if err != nil || got != c.s || got.String() != c.want {
			t.Errorf("%q: %v, %q, %v", c.text, got, got, err)
		}
	}
	if _, err := ParseSession(" ;timeout=5"); err == nil {
		t.Error("no id")
	}
}

var infos = []struct {
	name, text, want string
	list             []RTPInfo
}{
	{
		name: "two", text: "url=rtsp://h/a/trackID=0;seq=45102;rtptime=12345678,url=rtsp://h/a/trackID=1;seq=30211",
		list: []RTPInfo{
			{URL: "rtsp://h/a/trackID=0", Seq: 45102, HasSeq: true, Time: 12345678, HasTime: true},
			{URL: "rtsp://h/a/trackID=1", Seq: 30211, HasSeq: true},
		},
	},
	{
		name: "URL with commas and semicolons", text: "url=rtsp://h/a?b=1,2;c=3;seq=1, url=x;d=1;rtptime=2",
		want: "url=rtsp://h/a?b=1,2;c=3;seq=1,url=x;d=1;rtptime=2",
		list: []RTPInfo{{URL: "rtsp://h/a?b=1,2;c=3", Seq: 1, HasSeq: true}, {URL: "x;d=1", Time: 2, HasTime: true}},
	},
	{
		name: "as in RTSP 2", text: `url="rtsp://h/a,b" ssrc=0A13C760:seq=5;rtptime=6`,
		want: "url=rtsp://h/a,b;seq=5;rtptime=6",
		list: []RTPInfo{{URL: "rtsp://h/a,b", Seq: 5, HasSeq: true, Time: 6, HasTime: true}},
	},
	{
		name: "nonsense", text: "abc, url=, url=t;seq=x;rtptime=99999999999999999999",
		want: "url=t", list: []RTPInfo{{URL: "t"}},
	},
	{name: "nothing", text: ""},
}

func TestRTPInfo(t *testing.T) {
	for _, c := range infos {
		t.Run(c.name, func(t *testing.T) {
			got := ParseRTPInfo(c.text)
			if diff := cmp.Diff(c.list, got); diff != "" {
				t.Error(diff)
			}
			want := c.want
			if want == "" {
				want = c.text
			}
			if s := FormatRTPInfo(got); s != want {
				t.Errorf("written as %q", s)
			}
		})
	}
}

func FuzzRTPInfo(f *testing.F) {
	for _, c := range infos {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list := ParseRTPInfo(s)
		if len(list) > maxRTPInfo {
			t.Fatalf("%d entries", len(list))
		}
		for _, i := range list {
			if i.URL == "" {
				t.Fatalf("%q: an entry without URL", s)
			}
		}
		_ = ParseRTPInfo(FormatRTPInfo(list))
	})
}

func TestMethods(t *testing.T) {
	l := ParseMethods("OPTIONS, describe,,GET_PARAMETER ")
	if !l.Has(Describe) || !l.Has(GetParameter) || l.Has(Play) || l.String() != "OPTIONS, DESCRIBE, GET_PARAMETER" {
		t.Errorf("%v", l)
	}
}

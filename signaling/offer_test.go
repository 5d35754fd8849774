package signaling

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// clientOffers returns the committed offers of real clients in wire form, by file name.
func clientOffers(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/offers/*.sdp")
	if err != nil || len(files) == 0 {
		t.Fatalf("no offers: %v", err)
	}
	offers := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		offers[strings.TrimSuffix(filepath.Base(f), ".sdp")] = strings.ReplaceAll(string(b), "\n", "\r\n")
	}
	return offers
}

func clientOffer(t testing.TB, name string) string {
	t.Helper()
	o, ok := clientOffers(t)[name]
	if !ok {
		t.Fatalf("no offer %s", name)
	}
	return o
}

func actionOf(file string) Action {
	if strings.HasPrefix(file, "whip-") {
		return Publish
	}
	return Play
}

// TestParseOfferClients takes every real client's offer at its own endpoint and, but
// for sendrecv ones, refuses it at the other with a hint.
func TestParseOfferClients(t *testing.T) {
	for name, offer := range clientOffers(t) {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{offer, strings.ReplaceAll(offer, "\r\n", "\n")} {
				p, err := ParseOffer(actionOf(name), []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if p.ICE.Ufrag == "" || !strings.Contains(p.SDP, "a=ice-ufrag:"+p.ICE.Ufrag+"\r\n") {
					t.Errorf("ufrag %q", p.ICE.Ufrag)
				}
				if strings.Contains(strings.ReplaceAll(p.SDP, "\r\n", ""), "\n") {
					t.Error("lone LF in the offer for the engine")
				}
			}
			_, err := ParseOffer(Publish+Play-actionOf(name), []byte(offer))
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeUnsupported || !strings.Contains(e.Detail, "POST to .../") {
				t.Errorf("at the other endpoint: %v", err)
			}
		})
	}
}

func TestParseOfferRepairs(t *testing.T) {
	for _, tc := range []struct{ file, want, gone string }{
		{"whip-ffmpeg-8-audio-only", "a=group:BUNDLE 0\r\n", "a=group:BUNDLE 0 1\r\n"},
		{"whip-ffmpeg-8-video-only", "a=group:BUNDLE 1\r\n", "a=group:BUNDLE 0 1\r\n"},
		{"whip-ffmpeg-8", "a=rtcp-fb:106 nack\r\n", "a=rtcp-fb106"},
		{"whip-obs-30.2", "a=ice-options:ice2 trickle\r\n", "ice2,trickle"},
	} {
		p, err := ParseOffer(Publish, []byte(clientOffer(t, tc.file)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.SDP, tc.want) || strings.Contains(p.SDP, tc.gone) {
			t.Errorf("%s: want %q instead of %q in\n%s", tc.file, tc.want, tc.gone, p.SDP)
		}
	}
}

// TestParseOfferKeeps checks that an offer without quirks passes as it is.
func TestParseOfferKeeps(t *testing.T) {
	for _, name := range []string{"whip-chromium-156", "whep-firefox-128", "whep-gstreamer-1.24", "whep-safari-18"} {
		offer := clientOffer(t, name)
		p, err := ParseOffer(actionOf(name), []byte(offer))
		if err != nil {
			t.Fatal(err)
		}
		if p.SDP != offer {
			t.Errorf("%s changed:\n%s", name, p.SDP)
		}
	}
}

func TestParseOfferCandidates(t *testing.T) {
	p, err := ParseOffer(Publish, []byte(clientOffer(t, "whip-obs-30.1")))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.ICE.Candidates) != 3 || !p.ICE.End {
		t.Errorf("candidates %+v, end %v", p.ICE.Candidates, p.ICE.End)
	}
}

func TestParseOfferErrors(t *testing.T) {
	base := clientOffer(t, "whip-obs-30.2")
	edit := func(from, to string) string {
		if !strings.Contains(base, from) {
			t.Fatalf("no %q", from)
		}
		return strings.ReplaceAll(base, from, to)
	}
	head, _, _ := strings.Cut(base, "m=audio")
	audioOnly, video, _ := strings.Cut(base, "m=video")
	video = "m=video" + video
	for _, tc := range []struct {
		name, offer, detail string
		code                Code
	}{
		{"empty", "", "ICE", CodeBadOffer},
		{"JSON", `{"type":"offer","sdp":"v=0"}`, "ICE", CodeBadOffer},
		{"no version", edit("v=0\r\n", ""), "SDP", CodeBadOffer},
		{"no ufrag", edit("a=ice-ufrag:nxcM\r\n", ""), "ICE", CodeBadOffer},
		{"no fingerprint", edit("a=fingerprint", "a=finger"), "fingerprint", CodeBadOffer},
		{"no media", head, "no audio and no video", CodeUnsupported},
		{"all disabled", edit(" 9 UDP", " 0 UDP"), "no audio and no video", CodeUnsupported},
		{"two video", base + strings.ReplaceAll(video, "a=mid:1", "a=mid:2"), "more than one video", CodeUnsupported},
		{"not bundled", edit("BUNDLE 0 1", "BUNDLE 0"), "section 1 (video) is not in the BUNDLE group", CodeUnsupported},
		{"two groups", edit("a=group:BUNDLE 0 1", "a=group:BUNDLE 0\r\na=group:BUNDLE 1"), "2 BUNDLE groups", CodeUnsupported},
		{"no mid", edit("a=mid:1\r\n", ""), "BUNDLE", CodeUnsupported},
		{"no rtcp-mux", edit("a=rtcp-mux\r\n", ""), "rtcp-mux", CodeUnsupported},
		{"inactive", edit("a=sendonly", "a=inactive"), "offer sendonly", CodeUnsupported},
		{"recvonly", edit("a=sendonly", "a=recvonly"), "POST to .../whep", CodeUnsupported},
		{"holdconn", edit("actpass", "holdconn"), "setup", CodeUnsupported},
		{"plain RTP", edit("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "RTP/AVP", CodeUnsupported},
		{"text", edit("m=video", "m=text"), "only audio, video", CodeUnsupported},
		{"plain SCTP", edit("m=video 9 UDP/TLS/RTP/SAVPF", "m=application 9 SCTP"), "data channel", CodeUnsupported},
		{"many sections", audioOnly + strings.Repeat("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=inactive\r\n", maxSections), "17 m= sections", CodeUnsupported},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseOffer(Publish, []byte(tc.offer))
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code || !strings.Contains(e.Detail, tc.detail) {
				t.Errorf("got %v, want %v with %q", err, tc.code, tc.detail)
			}
		})
	}
}

// TestParseOfferTolerates lists what is unusual and yet served.
func TestParseOfferTolerates(t *testing.T) {
	base := clientOffer(t, "whip-obs-30.2")
	audioOnly, _, _ := strings.Cut(base, "m=video")
	for name, offer := range map[string]string{
		"sendrecv":              strings.ReplaceAll(base, "a=sendonly", "a=sendrecv"),
		"no direction":          strings.ReplaceAll(base, "a=sendonly\r\n", ""),
		"no setup":              strings.ReplaceAll(base, "a=setup:actpass\r\n", ""),
		"rtcp-mux-only":         strings.ReplaceAll(base, "a=rtcp-mux\r\n", "a=rtcp-mux-only\r\n"),
		"one section, no group": strings.ReplaceAll(audioOnly, "a=group:BUNDLE 0 1\r\n", ""),
		"disabled section":      base + "m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=inactive\r\n",
	} {
		if _, err := ParseOffer(Publish, []byte(offer)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParseOfferTruncated cuts two offers at every length.
func TestParseOfferTruncated(t *testing.T) {
	for _, name := range []string{"whip-ffmpeg-8", "whip-obs-30.1"} {
		offer := clientOffer(t, name)
		for n := range offer {
			checkOfferBytes(t, Publish, []byte(offer[:n]))
		}
	}
}

// checkOfferBytes parses b: the error is an *Error of the two promised kinds, and what
// passes is SDP that passes again.
func checkOfferBytes(t *testing.T, action Action, b []byte) {
	t.Helper()
	p, err := ParseOffer(action, b)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeBadOffer && e.Code != CodeUnsupported || e.Detail == "" {
			t.Fatalf("%q: %v", b, err)
		}
		return
	}
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(p.SDP); err != nil {
		t.Fatalf("%q: repaired offer: %v", b, err)
	}
}

func FuzzOffer(f *testing.F) {
	for name, offer := range clientOffers(f) {
		f.Add(actionOf(name) == Publish, []byte(offer))
	}
	f.Fuzz(func(t *testing.T, publish bool, b []byte) {
		action := Play
		if publish {
			action = Publish
		}
		checkOfferBytes(t, action, b)
	})
}

// What the tests of bad networks add to harness.js: an eye for torn pictures, and ICE
// restarts by hand.
(() => {
  // The pictures have a column at the left whose brightness is one and the same from top
  // to bottom and another in each picture. spread is by how much it differs within one:
  // a picture that was put together of two has at least a step of it.
  const canvas = new OffscreenCanvas(1, 36);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  e2e.spread = (picture, width, height) => {
    context.drawImage(picture, width / 20 - 4, 0, 8, height, 0, 0, canvas.width, canvas.height);
    const levels = context.getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 === 0);
    return Math.max(...levels) - Math.min(...levels);
  };
  const TORN = 28; // of a step of 56
  e2e.torn = 0;
  // behind is by how many ms the picture that is shown is later than the one that came
  // through fastest was.
  e2e.behind = 0;
  let first, fastest = Infinity;
  e2e.watch = (marked) => {
    e2e.onFrame = (v, now, { rtpTimestamp }) => {
      first ??= rtpTimestamp;
      const delay = now - ((rtpTimestamp - first) | 0) / 90;
      fastest = Math.min(fastest, delay);
      e2e.behind = delay - fastest;
      if (marked && e2e.spread(v, v.videoWidth, v.videoHeight) > TORN) e2e.torn++;
    };
  };

  // restart moves the session: new credentials and candidates by PATCH (RFC 9725 section
  // 4.3.3), and the answer with those of the reply.
  e2e.restart = async () => {
    const { pc } = e2e;
    const gathered = new Promise((resolve) => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
    });
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    await gathered;
    const lines = pc.localDescription.sdp.split('\r\n');
    const one = (prefix) => lines.find((l) => l.startsWith(prefix));
    const body = [
      one('a=ice-ufrag:'), one('a=ice-pwd:'), one('m='), one('a=mid:'),
      ...lines.filter((l) => l.startsWith('a=candidate:')), 'a=end-of-candidates', '',
    ].join('\r\n');
    const res = await fetch(e2e.resource, {
      method: 'PATCH', body,
      headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' },
    });
    const reply = await res.text();
    if (res.status !== 200) throw new Error(`${res.status}: ${reply}`);
    const theirs = (prefix) => reply.split('\r\n').filter((l) => l.startsWith(prefix));
    const sdp = e2e.answer.split('\r\n').filter((l) => !l.startsWith('a=candidate:')).flatMap((l) => {
      if (l.startsWith('a=ice-ufrag:')) return theirs('a=ice-ufrag:');
      if (l.startsWith('a=ice-pwd:')) return [...theirs('a=ice-pwd:'), ...theirs('a=candidate:')];
      return [l];
    }).join('\r\n');
    await pc.setRemoteDescription({ type: 'answer', sdp });
  };
})();

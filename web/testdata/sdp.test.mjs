import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

// The assets have no package.json, so Node would take a .js file for CommonJS.
const source = readFileSync(new URL('../assets/sdp.js', import.meta.url), 'utf8');
const { fragment, iceServers, restarted, retryDelay, withStereo } = await import(
  'data:text/javascript,' + encodeURIComponent(source)
);

const crlf = (...lines) => lines.join('\r\n') + '\r\n';

const offer = crlf(
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63', 'a=ice-ufrag:EsAw', 'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1', 'a=mid:0',
  'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111',
  'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:EsAw', 'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1', 'a=mid:1',
);

test('withStereo asks for stereo once', () => {
  const stereo = withStereo(offer);
  assert.match(stereo, /a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r\n/);
  assert.match(stereo, /a=fmtp:63 111\/111\r\n/);
  assert.equal(withStereo(stereo), stereo);
  const firefox = 'a=rtpmap:109 opus/48000/2\r\na=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n';
  assert.equal(withStereo(firefox), firefox);
  assert.equal(withStereo('v=0\r\n'), 'v=0\r\n');
});

test('fragment is RFC 8840', () => {
  assert.equal(
    fragment(offer, ['candidate:1 1 udp 1 192.0.2.1 5 typ host'], true),
    crlf('a=ice-ufrag:EsAw', 'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1', 'm=audio 9 UDP/TLS/RTP/SAVPF 111 63', 'a=mid:0',
      'a=candidate:1 1 udp 1 192.0.2.1 5 typ host', 'a=end-of-candidates'),
  );
});

test('restarted replaces ICE and nothing else', () => {
  const answer = crlf(
    'v=0', 'o=- 7 18446744073709551615 IN IP4 0.0.0.0', 's=-', 'm=audio 9 X 111', 'a=ice-ufrag:old', 'a=ice-pwd:oldpwd', 'a=mid:0',
    'a=candidate:1 1 udp 1 192.0.2.1 5 typ host', 'a=end-of-candidates', 'm=video 9 X 96', 'a=ice-ufrag:old', 'a=ice-pwd:oldpwd',
  );
  const frag = crlf('m=audio 9 X 111', 'a=ice-ufrag:new', 'a=ice-pwd:newpwd', 'a=candidate:2 1 udp 1 192.0.2.2 6 typ host', 'a=end-of-candidates');
  assert.equal(restarted(answer, frag), crlf(
    'v=0', 'o=- 7 18446744073709551616 IN IP4 0.0.0.0', 's=-', 'm=audio 9 X 111', 'a=ice-ufrag:new', 'a=ice-pwd:newpwd', 'a=mid:0',
    'a=candidate:2 1 udp 1 192.0.2.2 6 typ host', 'a=end-of-candidates', 'm=video 9 X 96', 'a=ice-ufrag:new', 'a=ice-pwd:newpwd',
  ));
  assert.throws(() => restarted(answer, 'a=mid:0\r\n'));
});

test('iceServers reads Link', () => {
  const link = '<stun:s.example>; rel="ice-server", <turn:t.example?transport=udp>; rel="ice-server"; username="u,;\\"x"; credential="c"; credential-type="password", <x>; rel="other"';
  assert.deepEqual(iceServers(link), [
    { urls: 'stun:s.example' },
    { urls: 'turn:t.example?transport=udp', username: 'u,;"x', credential: 'c' },
  ]);
  assert.deepEqual(iceServers(null), []);
});

test('retryDelay heeds Retry-After, doubles, and is bounded', () => {
  assert.equal(retryDelay(0, 0, 0.5), 1000);
  assert.equal(retryDelay(0, 2, 0.5), 2000);
  assert.equal(retryDelay(2, 2, 0.5), 8000);
  assert.equal(retryDelay(9, NaN, 0.5), 8000);
  assert.equal(retryDelay(0, 30, 0.5), 30000);
  assert.equal(retryDelay(0, 0, 0), 750);
});

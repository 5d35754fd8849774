// Pure functions on SDP, ICE fragments and HTTP header fields.

// linesOf splits a description at its line ends.
const linesOf = (sdp) => sdp.split(/\r\n|\n/).filter((l) => l !== '');

const valueOf = (lines, prefix) => lines.find((l) => l.startsWith(prefix))?.slice(prefix.length);

// withStereo asks for stereo Opus in both directions: browsers decode and encode mono
// unless the description says stereo=1.
export function withStereo(sdp) {
  const opus = /^a=rtpmap:(\d+) opus\/48000\/2/im.exec(sdp)?.[1];
  if (!opus) return sdp;
  return linesOf(sdp)
    .map((l) => (l.startsWith(`a=fmtp:${opus} `) && !/[ ;]stereo=/.test(l) ? `${l};stereo=1;sprop-stereo=1` : l))
    .join('\r\n') + '\r\n';
}

// fragment writes the body of a PATCH: credentials and section of the local description,
// candidates, and whether these were the last (RFC 8840, RFC 9725 section 4.3).
export function fragment(sdp, candidates, last) {
  const lines = linesOf(sdp);
  const out = [
    'a=ice-ufrag:' + valueOf(lines, 'a=ice-ufrag:'),
    'a=ice-pwd:' + valueOf(lines, 'a=ice-pwd:'),
    lines.find((l) => l.startsWith('m=')),
    'a=mid:' + valueOf(lines, 'a=mid:'),
    ...candidates.map((c) => 'a=' + c),
  ];
  if (last) out.push('a=end-of-candidates');
  return out.join('\r\n') + '\r\n';
}

// restarted returns the answer with credentials and candidates of the fragment that the
// server sent for an ICE restart, and its version raised.
export function restarted(answer, frag) {
  const from = linesOf(frag);
  const ufrag = valueOf(from, 'a=ice-ufrag:');
  const pwd = valueOf(from, 'a=ice-pwd:');
  if (!ufrag || !pwd) throw new Error('the server sent no ICE credentials');
  const candidates = from.filter((l) => l.startsWith('a=candidate:') || l === 'a=end-of-candidates');
  const out = [];
  let sections = 0;
  for (const l of linesOf(answer)) {
    if (l.startsWith('a=candidate:') || l === 'a=end-of-candidates') continue;
    if (l.startsWith('m=') && ++sections === 2) out.push(...candidates);
    if (l.startsWith('a=ice-ufrag:')) out.push('a=ice-ufrag:' + ufrag);
    else if (l.startsWith('a=ice-pwd:')) out.push('a=ice-pwd:' + pwd);
    else if (l.startsWith('o=')) out.push(l.replace(/^(o=\S+ \S+) (\d+)/, (_, o, v) => `${o} ${BigInt(v) + 1n}`));
    else out.push(l);
  }
  if (sections < 2) out.push(...candidates);
  return out.join('\r\n') + '\r\n';
}

// iceServers reads the ice-server links of a Link header field (RFC 9725 section 4.6).
export function iceServers(link) {
  const servers = [];
  for (const [, url, params] of (link ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g)) {
    const p = {};
    for (const [, k, v] of params.matchAll(/([\w-]+)="((?:[^"\\]|\\.)*)"/g)) p[k] = v.replace(/\\(.)/g, '$1');
    if (p.rel !== 'ice-server') continue;
    servers.push(p.username === undefined ? { urls: url } : { urls: url, username: p.username, credential: p.credential });
  }
  return servers;
}

// retryDelay returns the milliseconds until the next attempt: Retry-After for the first,
// then doubled each time up to 8 s, with a quarter of it left to chance so that viewers
// do not come back all at once.
export function retryDelay(attempt, retryAfter, random = Math.random()) {
  const first = retryAfter > 0 ? retryAfter * 1000 : 1000;
  const delay = Math.max(Math.min(first * 2 ** attempt, 8000), Math.min(first, 60000));
  return Math.round(delay * (0.75 + random / 2));
}

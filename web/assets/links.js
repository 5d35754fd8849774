// links.js: the addresses at which other players find the stream.

// playURLs lists [name, URL] of what plays the stream. The ports are those of RTMP and
// RTSP; "" leaves the protocol out. A token goes with every URL.
export function playURLs({ origin, hostname }, stream, { rtmp, rtsp }, token) {
  const query = token ? `?${new URLSearchParams({ token })}` : '';
  const list = [];
  if (rtmp) list.push(['RTMP', `rtmp://${hostname}${rtmp === '1935' ? '' : `:${rtmp}`}/${stream}`]);
  if (rtsp) list.push(['RTSP', `rtsp://${hostname}:${rtsp}/${stream}`]);
  list.push(
    ['HLS', `${origin}/${stream}.m3u8`],
    ['HLS in TS', `${origin}/hls/${stream}.m3u8`],
    ['FLV', `${origin}/${stream}.flv`],
    ['MPEG-TS', `${origin}/${stream}.ts`],
    ['MP4', `${origin}/${stream}.mp4`],
  );
  return list.map(([name, url]) => [name, url + query]);
}

// copy puts text into the clipboard, on pages without HTTPS too. It tells whether it
// could.
export async function copy(text, page = document) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = page.createElement('textarea');
    area.value = text;
    page.body.append(area);
    area.select();
    const done = page.execCommand('copy'); // the only way where the page is not secure
    area.remove();
    return done;
  }
}

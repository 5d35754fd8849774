import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const source = readFileSync(new URL('../assets/links.js', import.meta.url), 'utf8');
const { playURLs } = await import('data:text/javascript,' + encodeURIComponent(source));

const home = new URL('http://h.example:8080/live/x');

test('playURLs names every protocol', () => {
  assert.deepEqual(Object.fromEntries(playURLs(home, 'live/x', { rtmp: '1935', rtsp: '5544' })), {
    RTMP: 'rtmp://h.example/live/x',
    RTSP: 'rtsp://h.example:5544/live/x',
    HLS: 'http://h.example:8080/live/x.m3u8',
    'HLS in TS': 'http://h.example:8080/hls/live/x.m3u8',
    FLV: 'http://h.example:8080/live/x.flv',
    'MPEG-TS': 'http://h.example:8080/live/x.ts',
    MP4: 'http://h.example:8080/live/x.mp4',
  });
});

test('playURLs leaves out what does not listen', () => {
  assert.deepEqual(playURLs(home, 'live/x', { rtmp: '', rtsp: '' }).map(([name]) => name), ['HLS', 'HLS in TS', 'FLV', 'MPEG-TS', 'MP4']);
});

test('playURLs carries ports, IPv6 and tokens', () => {
  const urls = Object.fromEntries(playURLs(new URL('https://[::1]:4433/'), 'a/b', { rtmp: '2000', rtsp: '554' }, 'p&q'));
  assert.equal(urls.RTMP, 'rtmp://[::1]:2000/a/b?token=p%26q');
  assert.equal(urls.RTSP, 'rtsp://[::1]:554/a/b?token=p%26q');
  assert.equal(urls.MP4, 'https://[::1]:4433/a/b.mp4?token=p%26q');
});

// A minimal player of fragmented MP4 by Media Source Extensions, as a web developer would
// write it after the README: over fetch, or over a WebSocket. as is the media type of streams that
// do not tell it whole.
e2e.mse = async (url, as) => {
  const video = document.querySelector('video');
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((r) => source.addEventListener('sourceopen', r, { once: true }));
  const state = (e2e.player = { types: [], appended: 0, error: '' });
  video.onerror = () => (state.error ||= `video: ${video.error.message}`);
  let buffer;
  const queue = [];
  // jump leads to where there is media: at the start, and over the gap that a publisher's
  // absence leaves.
  const jump = () => {
    const { buffered } = buffer;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.end(i) <= video.currentTime + 0.1) continue;
      if (buffered.start(i) > video.currentTime) video.currentTime = buffered.start(i);
      return;
    }
  };
  const next = () => {
    if (!buffer || buffer.updating || !queue.length) return;
    const part = queue.shift();
    if (typeof part !== 'string') {
      buffer.appendBuffer(part);
      state.appended++;
      return;
    }
    buffer.changeType(part);
    next();
  };
  const type = (t) => {
    state.types.push(t);
    if (buffer) queue.push(t);
    else {
      buffer = source.addSourceBuffer(t);
      buffer.onupdateend = () => {
        jump();
        next();
      };
    }
    next();
  };
  const bytes = (b) => {
    queue.push(b);
    next();
  };
  if (url.startsWith('ws')) {
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    ws.onmessage = ({ data }) => (typeof data === 'string' ? type(data) : bytes(data));
    return;
  }
  const res = await fetch(url);
  type(as ?? res.headers.get('Content-Type'));
  (async () => {
    for await (const chunk of res.body) bytes(chunk);
  })();
};

// listen makes e2e.heard hear the video element.
e2e.listen = () => {
  const video = document.querySelector('video');
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
  video.muted = false;
  context.createMediaElementSource(video).connect(analyser);
  e2e.heard = () => {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let k = 1;
    for (let i = 2; i < bins.length - 1; i++) if (bins[i] > bins[k]) k = i;
    return { hz: (k * context.sampleRate) / analyser.fftSize, db: bins[k] };
  };
};

// What the pages share: where the stream is and which token the page was opened with.

const params = new URLSearchParams(location.search);

export const token = params.get('token');
export const stream = document.body.dataset.stream;

// endpoint returns the URL of the stream's whip or whep resource.
export const endpoint = (kind) => `/${stream}/${kind}`;

export const byId = (id) => document.getElementById(id);

// sentence makes a text of the server's begin and end like one.
export const sentence = (text) => text[0].toUpperCase() + text.slice(1).replace(/[^.!?]$/, '$&.');

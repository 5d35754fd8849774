// What the pages share: where the stream is and which token the page was opened with.

const params = new URLSearchParams(location.search);

export const token = params.get('token');
export const stream = document.body.dataset.stream;

// endpoint returns the URL of the stream's whip or whep resource.
export const endpoint = (kind) => `/${stream}/${kind}`;

export const byId = (id) => document.getElementById(id);

// Keeps the list of live streams fresh.

async function refresh() {
  if (document.hidden) return;
  const res = await fetch(location.href).catch(() => null);
  if (!res?.ok) return;
  const fresh = new DOMParser().parseFromString(await res.text(), 'text/html').getElementById('streams');
  const list = document.getElementById('streams');
  if (fresh && fresh.innerHTML !== list.innerHTML) list.replaceWith(fresh);
}

setInterval(refresh, 3000);
document.addEventListener('visibilitychange', refresh);

const form = document.getElementById('go');
form.onsubmit = (e) => {
  e.preventDefault();
  const name = form.elements.name.value.replace(/^\/+|\/+$/g, '');
  const path = name.includes('/') ? name : `live/${name}`;
  location.assign(`/${path}${e.submitter.value}${location.search}`);
};

// Shows the announcement once per visit, between its two days by the visitor's calendar.

const base = "/_features/popup/";
const seen = "popup-seen";

function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

async function show() {
  const { heading, text, link, from, until } = await import(`${base}config.js`);
  if (today() < from || today() > until || sessionStorage.getItem(seen)) return;
  sessionStorage.setItem(seen, "yes");

  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: `${base}popup.css` });
  document.head.append(style);

  const dialog = document.createElement("dialog");
  dialog.className = "popup";
  const title = document.createElement("h2");
  title.textContent = heading;
  const body = document.createElement("p");
  body.textContent = text;
  dialog.append(title, body);
  if (link) {
    const more = document.createElement("a");
    more.href = link;
    more.textContent = "See more";
    dialog.append(more);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(close);
  document.body.append(dialog);
  dialog.showModal();
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", show);
} else {
  show();
}

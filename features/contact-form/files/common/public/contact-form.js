// Renders the form on sites without a server of their own: into every element that has
// `data-contact-form`, or at the end of the page when there is none.

const base = "/_features/contact-form/";

const fields = `
  <label>Your name <input name="name" required maxlength="200" autocomplete="name"></label>
  <label>Your mail address <input name="email" type="email" required autocomplete="email"></label>
  <label>Your message <textarea name="message" required maxlength="20000" rows="6"></textarea></label>
  <label hidden>Leave this empty <input name="website" tabindex="-1" autocomplete="off"></label>
  <button>Send</button>
  <p role="status"></p>`;

async function send(form) {
  const ticket = await fetch(`${base}submit.php`).then((answer) => answer.json());
  const letter = new URLSearchParams(new FormData(form));
  letter.set("ticket", ticket.ticket);
  const answer = await fetch(`${base}submit.php`, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: letter,
  });
  return answer.json();
}

async function render() {
  const { heading, thanks } = await import(`${base}config.js`);
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: `${base}contact-form.css` });
  document.head.append(style);

  const places = document.querySelectorAll("[data-contact-form]");
  for (const place of places.length > 0 ? places : [document.body]) {
    const form = document.createElement("form");
    form.className = "contact-form";
    const title = document.createElement("h2");
    title.textContent = heading;
    form.innerHTML = fields;
    form.prepend(title);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const status = form.querySelector("[role=status]");
      try {
        const { sent, problems } = await send(form);
        status.textContent = sent ? thanks : Object.values(problems).join(" ");
      } catch {
        status.textContent = "This did not work. Please try again later.";
      }
    });
    place.append(form);
  }
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", render);
} else {
  render();
}

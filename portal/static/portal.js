// Small comforts; every page works without them.
document.documentElement.classList.add("scripted");

// What a filter asked for last isn't asked for again: Enter is a change and a submission, and the end of typing comes
// after both. A table that is exchanged for the same one would lose the place of the keyboard.
let asked = null;
document.addEventListener("htmx:confirm", event => {
  if (!event.target.matches("form.filters")) return;
  const wish = new URLSearchParams(new FormData(event.target)).toString();
  if (wish === asked) event.preventDefault();
  asked = wish;
});
document.addEventListener("htmx:afterRequest", event => {
  if (!event.detail.successful) asked = null;
});
addEventListener("popstate", () => { asked = null; });

// What isn't filtered by doesn't stand in the address.
document.addEventListener("htmx:configRequest", event => {
  if (!event.target.matches("form.filters")) return;
  const { formData } = event.detail;
  for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});

// An answer without the part that was asked for is another page, an error or the way in again: it is shown as such.
document.addEventListener("htmx:beforeSwap", event => {
  const { requestConfig, xhr, pathInfo } = event.detail;
  const part = requestConfig.elt.getAttribute("hx-select");
  if (!part || new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(part)) return;
  event.detail.shouldSwap = false;
  location.assign(pathInfo.finalRequestPath);
});

// With a key that opens links elsewhere, a row's link is a link.
document.addEventListener("click", event => {
  if ((event.ctrlKey || event.metaKey || event.shiftKey) && event.target.closest("a.opens")) event.stopPropagation();
}, true);

// What a row opens into takes the place of the link that opened it: the keyboard goes on there.
document.addEventListener("htmx:afterSwap", event => event.target.querySelector("details.decision summary")?.focus());

// A phone shows a part of the navigation: the part with the page that is open.
const current = document.querySelector(".top nav a[aria-current]");
if (current) {
  const bar = current.closest("nav");
  const { left, width } = current.getBoundingClientRect();
  bar.scrollLeft += left + width / 2 - bar.getBoundingClientRect().left - bar.clientWidth / 2;
}

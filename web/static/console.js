// Console behaviour: keys in the queue, pictures opened on purpose, stretches chosen, reason templates.
// Everything works without it except opening a picture, which must be a deliberate act.

/** @param {string} selector @returns {HTMLElement[]} */
function all(selector) {
  return Array.prototype.slice.call(document.querySelectorAll(selector));
}

function queueKeys() {
  const links = all("tr.row a");
  if (!links.length) return;
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(target.tagName)) return;
    const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
    if (!step) return;
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = links[Math.min(links.length - 1, Math.max(0, at + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
}

function pictures() {
  all("[data-evidence]").forEach((button) => {
    button.addEventListener("click", () => {
      const image = document.createElement("img");
      image.alt = button.getAttribute("data-alt") || "";
      image.addEventListener("error", () => {
        const gone = document.createElement("p");
        gone.className = "masked";
        gone.textContent = button.getAttribute("data-gone") || "";
        image.replaceWith(gone);
      });
      image.src = button.getAttribute("data-evidence") || "";
      button.replaceWith(image);
    });
  });
}

function reasons() {
  const box = /** @type {HTMLTextAreaElement|null} */ (document.querySelector("#reason"));
  if (!box) return;
  all("[data-reason]").forEach((button) => {
    button.addEventListener("click", () => {
      box.value = button.getAttribute("data-reason") || "";
      box.focus();
    });
  });
}

queueKeys();
pictures();
reasons();

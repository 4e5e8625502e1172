// A photo to enrol with: made small here, so that a phone sends 200 KB and no note of where it was taken.

const SIDE_MAX = 1280;

/** @param {File} file @returns {Promise<Blob>} A JPEG, upright. */
function small(file) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    const address = URL.createObjectURL(file);
    image.onerror = () => reject(new Error("unreadable"));
    image.onload = () => {
      const scale = Math.min(1, SIDE_MAX / Math.max(image.naturalWidth, image.naturalHeight));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
      canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      URL.revokeObjectURL(address);
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("unreadable"))), "image/jpeg", 0.92);
    };
    image.src = address;
  });
}

/** @param {HTMLFormElement} form */
function enrol(form) {
  const words = /** @type {HTMLElement} */ (form.querySelector("[data-words]"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  const say = (/** @type {string} */ text) => {
    words.textContent = text;
    words.className = text ? "notice" : "";
    words.hidden = !text;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
    const file = input.files && input.files[0];
    if (!file) {
      say(form.dataset.none || "");
      input.focus();
      return;
    }
    button.disabled = true;
    say(form.dataset.sending || "");
    small(file)
      .then((blob) => {
        const body = new FormData();
        body.append("source", form.dataset.source || "capture");
        body.append("photo", blob, "photo.jpg");
        const headers = { "X-CSRF": form.dataset.csrf || "" };
        return fetch(form.action, { method: "POST", body, headers, credentials: "same-origin" });
      })
      .then((answer) => answer.json().then((said) => ({ answer, said })))
      .then(({ answer, said }) => {
        if (answer.ok) window.location.assign(form.dataset.done || window.location.pathname);
        else throw new Error(said.error ? said.error.words : "");
      })
      .catch((error) => {
        const known = error.message && error.message !== "unreadable" && !(error instanceof TypeError);
        say(known ? error.message : form.dataset.failed || "");
        button.disabled = false;
      });
  });
}

document.querySelectorAll("form[data-enrol]").forEach((form) => enrol(/** @type {HTMLFormElement} */ (form)));

// What a worker is looking at now is different in a few seconds.
const waiting = document.querySelector("[data-refresh]");
if (waiting) window.setTimeout(() => window.location.replace(window.location.pathname), 4000);

// A stretch that was tapped on the strip opens its details; without this script the link still leads there.

function openTarget() {
  const id = window.location.hash.slice(1);
  const item = id ? document.getElementById(id) : null;
  const details = item ? item.querySelector("details") : null;
  if (!details) return;
  details.open = true;
  const summary = details.querySelector("summary");
  if (summary) summary.focus({ preventScroll: true });
  item.scrollIntoView({ block: "center" });
}

window.addEventListener("hashchange", openTarget);
openTarget();

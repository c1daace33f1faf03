// Renews the card of progress while the page is visible, and reloads the page until the products
// have been read.
"use strict";
const EVERY_MS = 10000;
const SOON_MS = 1500;

async function refresh() {
  const card = document.getElementById("standing");
  if (card && !document.hidden) {
    try {
      const answer = await fetch(card.dataset.from);
      if (answer.ok) card.outerHTML = await answer.text();
    } catch {
      // The server has ended; the card keeps its last state.
    }
  }
  setTimeout(refresh, EVERY_MS);
}

const begun = document.getElementById("standing");
setTimeout(refresh, begun && begun.querySelector("progress") ? EVERY_MS : SOON_MS);
if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 2 * SOON_MS);

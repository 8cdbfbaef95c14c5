// Shows the overview of the slide. An old picture stays until the new one is there; one of another sample goes at once.
const at = (id) => document.getElementById(id);
const picture = at("slide-picture");
let sample = null;

export function survey(overview, sampleNow, words) {
  const mine = overview !== null && overview.sample === sampleNow ? overview : null;
  if (sample !== sampleNow) {
    sample = sampleNow;
    picture.hidden = true;
    picture.removeAttribute("src");
  }
  if (mine && picture.dataset.picture !== String(mine.picture)) {
    picture.dataset.picture = mine.picture;
    picture.src = `/api/overview.webp?picture=${mine.picture}`;
    at("slide-link").href = picture.src;
  }
  at("slide-words").textContent = mine ? words : "";
}

picture.addEventListener("load", () => {
  picture.hidden = false;
});

// Listens to the display process and says how fresh the figures are. What is shown is in figures.js, picture.js and slide.js.
import { show } from "./figures.js";
import { offer } from "./picture.js";
import { survey } from "./slide.js";

const SILENT_S = 3; // the display sends an event at least once a second
const RETRY_MS = 2000;

let source = null;
let heard = performance.now();
let newest = null;

function listen() {
  if (source || document.hidden) return;
  heard = performance.now();
  source = new EventSource("/api/events");
  source.onmessage = (event) => {
    heard = performance.now();
    newest = JSON.parse(event.data);
    document.documentElement.dataset.ready = "yes";
    link(newest.link, newest.words.link, newest.problem);
    show(newest);
    const slide = slideOf(newest.sample);
    offer(newest.picture, slide);
    survey(newest.overview, slide, newest.words.slide);
  };
  source.onerror = () => {
    if (source && source.readyState === EventSource.CLOSED) {
      hush();
      setTimeout(listen, RETRY_MS);
    }
  };
}

// Pictures name the slide that they are of: each slide of a sample has its own.
function slideOf(sample) {
  if (!sample) return null;
  return sample.slides.length ? sample.slides.at(-1).slide : sample.sample;
}

function hush() {
  if (source) source.close();
  source = null;
}

function link(state, words, problem) {
  document.body.dataset.link = state;
  say("link", words);
  const strip = document.getElementById("problem");
  strip.hidden = !problem;
  if (strip.textContent !== problem) strip.textContent = problem;
}

function say(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) element.textContent = text;
}

// The page must not look alive when the display process is gone, or this machine sleeps.
function age() {
  const silent = (performance.now() - heard) / 1000;
  if (document.hidden || silent < SILENT_S) return;
  const words = "the display process does not answer: see whether it runs; the figures below are old; reconnecting";
  link("gone", `NO DISPLAY ${Math.round(silent)} s`, words);
}

document.addEventListener("visibilitychange", () => {
  // A hidden tab holds no connection: browsers allow only six to one display.
  if (document.hidden) {
    hush();
    link("gone", "PAUSED", "");
  } else {
    listen();
  }
});
setInterval(age, 1000);
listen();

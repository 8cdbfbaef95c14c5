"""The page in a real browser, over a real display process that hears real messages."""

import contextlib
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import msgspec
import numpy as np
import pytest

from tests.browser.rig import DEMONSTRATION, Display, sample, state, until
from zpscope.daemon import wire
from zpscope.daemon.sockets import Publisher

CHROMIUM = os.environ.get("CHROMIUM", shutil.which("chromium") or "")
if not CHROMIUM:
    pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM", allow_module_level=True)
pytest.importorskip("playwright", reason="playwright is absent: pip install zpscope[dev]")
from playwright.sync_api import ConsoleMessage, Locator, Page, sync_playwright  # noqa: E402

HEADS = {"bound": (160, 120, ""), "unbound": (330, 120, ""), "rejected": (250, 260, "overlap")}
HOSTILE = "<img src=x onerror=document.title='broken'>"


def counted(k: int, n: int, **changes: object) -> wire.StateMessage:
    """Return a state with this count."""
    return state(sample(k, n, **changes))


def preview(number: int, of: str = "s1") -> tuple[wire.PreviewMessage, bytes]:
    """Return a field with one head of each kind, drawn as dark ellipses where the outlines are."""
    pixels = np.full((384, 480, 3), 230, np.uint8)
    heads: list[wire.PreviewHead] = []
    for kind, (x, y, reason) in HEADS.items():
        cv2.ellipse(pixels, (x, y), (30, 20), 0, 0, 360, (140, 60, 80), -1)
        turns = [2 * math.pi * step / 24 for step in range(24)]
        outline = [(round(x + 30 * math.cos(turn)), round(y + 20 * math.sin(turn))) for turn in turns]
        p = None if reason else 0.93 if kind == "bound" else 0.08
        heads.append(
            wire.PreviewHead(outline=outline, tip=(x + 30, y), reason=reason, p=p, bound=kind == "bound")
        )
    header = wire.PreviewMessage(
        sample=of, number=number, source="simulated", skipped="", width_px=480, height_px=384, heads=heads
    )
    return header, cv2.imencode(".jpg", pixels)[1].tobytes()


class Browser:
    """A page of a browser, with what it asked for and what it complained of."""

    def __init__(self, page: Page, display: Display, publisher: Publisher) -> None:
        self.page = page
        self.display = display
        self.publisher = publisher
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self) -> None:
        self.page.goto(f"http://127.0.0.1:{self.display.port}/")

    def box(self, where: str | Locator) -> dict[str, float]:
        found = (self.page.locator(where) if isinstance(where, str) else where).bounding_box()
        assert found, f"{where} is not on the page"
        return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}

    def text(self, name: str) -> str:
        return str(self.page.locator(f"#{name}").text_content())

    def link(self) -> str:
        return str(self.page.locator("body").get_attribute("data-link"))

    def shows(
        self,
        message: wire.StateMessage,
        name: str,
        text: str,
        picture: tuple[wire.PreviewMessage, bytes] | None = None,
    ) -> None:
        """Publish as the inference process does until the page shows it."""

        def shown() -> bool:
            self.publisher.send(message)
            if picture:
                self.publisher.send(*picture)
            return self.text(name) == text

        until(shown, f"{text!r} as {name}, it is {self.text(name)!r}")


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Display]:
    with Display(tmp_path) as one:
        yield one.ready()


@pytest.fixture
def browser(display: Display) -> Iterator[Browser]:
    with contextlib.ExitStack() as stack:
        publisher = stack.enter_context(Publisher(display.endpoint))
        driver = stack.enter_context(sync_playwright())
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        stack.callback(chromium.close)
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        yield Browser(page, display, publisher)


def test_figures_follow_the_state(browser: Browser) -> None:
    browser.open()
    until(lambda: browser.text("link") == "WAITING", "waiting")
    assert browser.text("problem").startswith("waiting for the inference process at ipc://")
    browser.shows(
        counted(2, 40, scored=9, position="collecting"),
        "position",
        "collecting: 40 heads of 100, 9 fields of 20",
    )
    assert browser.text("percent") == "5.0 %"
    assert browser.page.locator("#minimum").is_visible()
    browser.shows(counted(12, 240), "percent", "5.0 %")
    browser.shows(counted(24, 241), "percent", "10.0 %")
    for name, text in {
        "accession": "A-17",
        "sample-state": "scanning",
        "count": "24 of 241 heads bound",
        "interval": "95 % interval 6.8 to 14.4 %",
        "position": "above 4.9 %",
        "verdict": "ABOVE 4.9 % (interval 5.1 to 16.9 %), PROVISIONAL, wrong at most 5 % of the time, if the model is "
        "right; slide 2: 0 heads of the 200 that a final answer needs",
        "link": "LIVE",
        "captured": "46",
        "scored": "40",
        "skipped": "4",
        "lost": "0",
        "in-flight": "2",
        "skipped-why": "moving 3, defocus 1",
        "found": "272",
        "heads": "241",
        "rejected": "31",
        "rejected-why": "border 20, overlap 11",
        "heads-rate": "21.0",
        "fields-rate": "3.50",
        "lag": "0.4",
        "camera": "bench (synthetic) · delivery every",
        "model": "lab 2.1.0 · sha256 abababababab · onnxruntime",
        "notice": wire.NOTICE,
    }.items():
        assert browser.text(name) == text, name
    for hidden in ("demonstration", "incomplete", "problem", "minimum"):
        assert not browser.page.locator(f"#{hidden}").is_visible(), hidden
    assert "10.0 %" in browser.page.title()
    assert "10.0 %" in (browser.page.locator("#bar").get_attribute("aria-label") or "")


def test_the_bar_sets_estimate_and_interval_against_the_threshold(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240, interval=(2.5, 9.5)), "percent", "10.0 %")
    wide = browser.box("#bar .track")["width"]

    def at(name: str) -> float:
        box = browser.box(f"#{name}")
        left = browser.box("#bar .track")["x"]
        return float((box["x"] + box["width"] / 2 - left) / wide)

    until(lambda: abs(at("bar-estimate") - 1.0) < 0.02, "the estimate at the end of a scale of 10 %")
    assert at("bar-threshold") == pytest.approx(0.49, abs=0.02)
    assert at("bar-interval") == pytest.approx(0.6, abs=0.02)


def test_a_demonstration_and_a_loss_are_not_to_be_overlooked(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240, model=DEMONSTRATION, lost={"driver": 2}, state="incomplete"), "lost", "2")
    for name, words in {"demonstration": "DEMONSTRATION", "incomplete": "INCOMPLETE: 2 fields lost"}.items():
        strip = browser.page.locator(f"#{name}")
        assert strip.is_visible()
        assert str(strip.text_content()).startswith(words)
        assert browser.box(strip)["width"] == 1440
    red = "rgb(166, 27, 27)"
    assert browser.page.locator("#lost-cell").evaluate("one => getComputedStyle(one).backgroundColor") == red
    browser.shows(counted(24, 240), "lost", "0")
    assert not browser.page.locator("#demonstration").is_visible()


def test_every_head_is_outlined_where_it_is(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240), "picture-caption", "number 7 · simulated", preview(7))
    page = browser.page
    assert page.locator("#overlay .head").count() == 3
    canvas = browser.box("#canvas")
    scale = min(canvas["width"] / 480, canvas["height"] / 384)
    left = canvas["x"] + (canvas["width"] - 480 * scale) / 2
    top = canvas["y"] + (canvas["height"] - 384 * scale) / 2
    dark = "one => Array.from(one.getContext('2d').getImageData({}, {}, 1, 1).data).slice(0, 3)"
    for kind, (x, y, _) in HEADS.items():
        box = browser.box(f"#overlay .{kind} .line")
        assert box["x"] + box["width"] / 2 == pytest.approx(left + x * scale, abs=3)
        assert box["y"] + box["height"] / 2 == pytest.approx(top + y * scale, abs=3)
        assert box["width"] == pytest.approx(60 * scale, abs=6)
        pixel = page.locator("#canvas").evaluate(dark.replace("{}", str(x), 1).replace("{}", str(y), 1))
        assert max(pixel) < 170, "the head is under its outline"
    assert [browser.text(f"key-{kind}") for kind in HEADS] == ["1", "1", "1"]
    dash = "one => getComputedStyle(one).strokeDasharray"
    dashes = {kind: page.locator(f"#overlay .{kind} .line").evaluate(dash) for kind in HEADS}
    assert dashes["bound"] == dashes["unbound"] == "none"
    assert dashes["rejected"] != "none"
    assert page.locator("#overlay .tick").count() == 2
    assert page.locator("#overlay .bound .end").count() == 1


def test_a_head_tells_what_it_is_by_mouse_and_by_key(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240), "picture-caption", "number 7 · simulated", preview(7))
    browser.page.locator("#overlay .rejected").hover(force=True)
    until(lambda: browser.text("head-detail") == "Head 3 of 3: not counted, overlap", "the reason")
    browser.page.locator("#stage").focus()
    browser.page.keyboard.press("ArrowRight")
    assert browser.text("head-detail") == "Head 1 of 3: bound, P(ZP-binding) 0.93"
    browser.page.keyboard.press("ArrowRight")
    assert browser.text("head-detail") == "Head 2 of 3: not bound, P(ZP-binding) 0.08"
    held = browser.page.locator("#hold")
    assert held.get_attribute("aria-pressed") == "true", "a head that is looked at is held"
    newer = counted(25, 250)
    browser.shows(newer, "count", "25 of 250 heads bound", preview(8))
    assert browser.text("picture-caption").startswith("number 7"), "held, while the figures go on"
    browser.page.keyboard.press("h")
    browser.shows(newer, "picture-caption", "number 8 · simulated", preview(8))
    browser.page.keyboard.press("o")
    assert not browser.page.locator("#overlay").is_visible()


def test_the_picture_of_another_sample_is_covered(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240), "picture-caption", "number 7 · simulated", preview(7))
    assert "previous" not in (browser.page.locator("#stage").get_attribute("class") or "")
    browser.shows(counted(0, 0, sample="s2", accession="A-18"), "accession", "A-18")
    assert "previous" in (browser.page.locator("#stage").get_attribute("class") or "")


def test_the_picture_of_a_second_slide_is_not_covered_and_that_of_the_first_is(browser: Browser) -> None:
    first = wire.SlideSummary(
        slide="s1", number=1, state="complete", scored=40, k=24, n=240, percent=10.0, model_sha256="ab" * 32
    )
    second = msgspec.structs.replace(first, slide="s1.2", number=2, state="scanning")
    browser.open()
    stage = browser.page.locator("#stage")
    browser.shows(counted(24, 240, slides=[first]), "picture-caption", "number 7 · simulated", preview(7))
    browser.shows(counted(25, 250, slides=[first, second]), "count", "25 of 250 heads bound")
    assert "previous" in (stage.get_attribute("class") or "")
    shown = counted(26, 260, slides=[first, second])
    browser.shows(shown, "picture-caption", "number 8 · simulated", preview(8, "s1.2"))
    assert "previous" not in (stage.get_attribute("class") or "")


def test_old_figures_are_grey_and_said_to_be_old(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240), "percent", "10.0 %")
    until(lambda: browser.link() == "stale", "stale")
    assert re.fullmatch(r"STALE \d+ s", browser.text("link"))
    assert "is silent" in browser.text("problem")
    assert browser.text("percent") == "10.0 %"
    look = "one => getComputedStyle(one).filter"
    assert browser.page.locator(".result").evaluate(look) == "grayscale(1)"
    browser.shows(counted(25, 250), "count", "25 of 250 heads bound")
    assert browser.page.locator(".result").evaluate(look) == "none"


def test_it_finds_the_display_again_after_a_restart(browser: Browser) -> None:
    browser.open()
    browser.shows(counted(24, 240), "percent", "10.0 %", preview(7))
    browser.display.end()
    until(lambda: browser.link() == "gone", "no display")
    assert browser.text("link").startswith("NO DISPLAY")
    assert browser.page.locator("#problem").is_visible()
    browser.display.start()
    browser.display.ready()
    browser.shows(counted(60, 240), "percent", "25.0 %", preview(8))
    browser.shows(counted(60, 240), "picture-caption", "number 8 · simulated", preview(8))
    assert browser.text("link") == "LIVE"


@pytest.mark.parametrize("size", [(1440, 900), (800, 600), (390, 844)])
def test_nothing_complains_nothing_leaves_the_origin_and_nothing_sticks_out(
    browser: Browser, size: tuple[int, int]
) -> None:
    browser.page.set_viewport_size({"width": size[0], "height": size[1]})
    browser.open()
    shown = counted(24, 240, model=DEMONSTRATION, lost={"driver": 2}, accession="A" * 90)
    browser.shows(shown, "picture-caption", "number 7 · simulated", preview(7))
    assert browser.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    notice = browser.page.locator("#notice")
    assert notice.is_visible()
    assert browser.box(notice)["y"] + browser.box(notice)["height"] <= size[1]
    assert browser.complaints == []
    home = f"http://127.0.0.1:{browser.display.port}/"
    assert {url for url in browser.requests if not url.startswith((home, f"blob:{home}"))} == set()
    assert any(url.endswith("/api/events") for url in browser.requests)


def test_markup_in_a_message_stays_text(browser: Browser) -> None:
    browser.open()
    hostile = counted(24, 240, accession=HOSTILE, skipped={HOSTILE: 2})
    browser.shows(hostile, "accession", HOSTILE, preview(7))
    assert HOSTILE in browser.text("skipped-why")
    assert browser.page.locator("img:not(#slide-picture)").count() == 0
    assert browser.page.title() != "broken"


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_stands_out_from_its_ground(browser: Browser, scheme: Literal["dark", "light"]) -> None:
    browser.page.emulate_media(color_scheme=scheme)
    browser.open()
    shown = counted(
        2, 40, model=DEMONSTRATION, lost={"driver": 2}, state="incomplete", scored=3, position="collecting"
    )
    browser.shows(shown, "picture-caption", "number 7 · simulated", preview(7))
    faint = browser.page.evaluate(CONTRAST)
    assert faint == []


CONTRAST = """() => {
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const stripes = parts((style.backgroundImage.match(/rgb\\([^)]*\\)/g) || []).at(-1) || "");
      if (stripes.length) return stripes;
      const flat = parts(style.backgroundColor);
      if (flat.length === 3 || flat[3] === 1) return flat;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility() || one.closest(".spoken")) continue;
    const [a, b] = [light(parts(getComputedStyle(one).color)), light(ground(one))].sort().reverse();
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${one.id || one.className || one.tagName}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""

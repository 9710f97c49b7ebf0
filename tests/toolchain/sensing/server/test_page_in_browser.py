"""The page in a real headless Chromium: it loads, frames change, sliders act, events appear, and a phone is wide enough."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from owlbit.toolchain.sensing.controls import Controls
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server.viewers import SHORTEST_S
from sensing_tools import Script, demo_network, digits, shots
from serving import serving, turn

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `make venv` brings it")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path; Debian: apt-get install chromium")
FIRST_PAINT_MS = 1000
NOTHING = "\u2013"  # where there is no figure


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        # In a container the sandbox cannot be made, and all that is opened is this page.
        yield (opened := playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]))
        opened.close()


@pytest.fixture
def address() -> Iterator[str]:
    """A page whose sensor sees one digit for ever, under a light that suffices."""
    loop = Loop(demo_network(), Script(itertools.repeat(shots(4)[3])), controls=Controls(2000.0))
    with serving(loop) as (feed, address):
        thread = turn(loop, feed)
        yield f"http://{address}"
        loop.controls.stop()
        thread.join(20)


def until(page: Page, condition: str, seconds: float = 30) -> None:
    """Waits for an expression; `page.wait_for_function` would evaluate it by what the page's security policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        page.wait_for_timeout(20)


def opened(browser: Browser, address: str, width: int = 1280, **options: Any) -> tuple[Page, list[str]]:
    """(the page once it shows a frame, what it complains about and what it asks of others: to be nothing)."""
    page = browser.new_context(viewport={"width": width, "height": 844}, **options).new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    own = (address, "data:", "blob:")
    page.on("request", lambda request: problems.append(request.url) if not request.url.startswith(own) else None)
    page.goto(address)
    until(page, "document.body.dataset.frame")
    return page, problems


def picture_of(page: Page, canvas: str) -> str:
    return str(page.evaluate(f"document.querySelector('{canvas}').toDataURL()"))


def first_paint(page: Page) -> float:
    """Milliseconds from the start of loading."""
    until(page, "performance.getEntriesByType('paint').length > 0 && document.body.dataset.frame")
    return float(page.evaluate("performance.getEntriesByType('paint')[0].startTime"))


def text(page: Page, selector: str) -> str:
    return page.text_content(selector) or ""


def trace(page: Page, frames: int) -> NDArray[np.float64]:
    """The scores [frames or more, classes] that the trace shows of the frames that come next."""
    first = page.evaluate("owlbit.latest().index")
    until(page, f"owlbit.latest().index >= {first + frames}")
    return np.array(page.evaluate(f"owlbit.past.filter(each => each.time > {first / 30}).map(each => each.scores)"), np.float64)


def test_it_loads_at_once_and_shows_frames_that_change(browser: Browser, address: str) -> None:
    page, problems = opened(browser, address)
    paints = [first_paint(page)]
    while min(paints) > FIRST_PAINT_MS and len(paints) < 3:  # a busy machine may be late once
        page.reload()
        paints.append(first_paint(page))
    assert min(paints) < FIRST_PAINT_MS
    assert text(page, "#network").startswith("digits") and "16 thresholds" in text(page, "#network")
    assert page.locator("#planes canvas").count() == 16 and page.locator("#layers li").count() == 7
    before = {name: picture_of(page, name) for name in ("#frame", "#trace", "#planes canvas:nth-child(1)")}
    index = int(page.evaluate("document.body.dataset.frame"))
    until(page, f"Number(document.body.dataset.frame) > {index + 5}")
    assert picture_of(page, "#frame") != before["#frame"] and picture_of(page, "#trace") != before["#trace"]
    until(page, "document.querySelector('#status').textContent.includes('live')")
    assert text(page, "#latency") != NOTHING and text(page, "#joules") != NOTHING
    assert problems == []


def test_the_frame_on_the_page_is_the_sensors(browser: Browser, address: str) -> None:
    page, problems = opened(browser, address)
    page.click("#pause")
    page.wait_for_selector("body[data-paused='true']")
    page.wait_for_timeout(300)
    drawn = page.evaluate("[...document.querySelector('#frame').getContext('2d').getImageData(0, 0, 16, 16).data]")
    seen = page.evaluate("[...owlbit.latest().seen]")
    np.testing.assert_array_equal(np.array(drawn).reshape(256, 4)[:, 0], seen)
    decision = digits(4)[1][3]
    assert text(page, "#decision") == str(decision)
    index = page.evaluate("owlbit.latest().index")
    page.click("#step")
    until(page, f"owlbit.latest().index === {index + 1}")
    page.wait_for_timeout(300)
    assert page.evaluate("owlbit.latest().index") == index + 1
    page.click("#pause")
    until(page, f"owlbit.latest().index > {index + 5}")
    assert problems == []


@pytest.mark.parametrize(("slider", "value"), [("#light", "-2"), ("#mismatch", "100")])
def test_a_slider_changes_the_score_trace(browser: Browser, address: str, slider: str, value: str) -> None:
    page, problems = opened(browser, address)
    before = trace(page, 30)
    page.fill(slider, value)
    until(page, "owlbit.latest().setting.lux < 1 || owlbit.latest().setting.mismatch_mv > 30")
    after = trace(page, 30)
    # Means of 30 frames of the same setting are less than a third of a frame's spread apart.
    assert np.abs(after.mean(0) - before.mean(0)).max() > 1.5 * before.std(0).max() > 0
    assert problems == []


def test_a_changed_constant_changes_the_energy(browser: Browser, address: str) -> None:
    page, problems = opened(browser, address)
    page.click("summary")
    before = page.evaluate("owlbit.latest().energy_j.fpga")
    page.fill("#constants [name=core_volts]", "2.4")
    page.press("#constants [name=core_volts]", "Enter")
    until(page, f"Math.abs(owlbit.latest().energy_j.fpga / {before} - 2) < 1e-9")
    page.fill("#constants [name=cells]", "many")
    page.press("#constants [name=cells]", "Enter")
    until(page, "document.querySelector('#note').textContent.includes('expected')")
    until(page, "document.querySelector('#constants [name=cells]').value === '3482'")
    assert problems == []


def test_an_event_appears_and_is_downloaded(browser: Browser, address: str) -> None:
    page, problems = opened(browser, address)
    page.wait_for_selector("#events tr")
    assert str(digits(4)[1][3]) in text(page, "#events tr td:nth-child(2)")
    assert "Woken" in text(page, "#said") or page.evaluate("owlbit.events.length") > 0
    with page.expect_download() as download:
        page.click("a[download]")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["index"] == page.evaluate("owlbit.events[0].index")
    assert problems == []


def test_a_picture_is_uploaded_and_shown(browser: Browser, address: str, tmp_path: Path) -> None:
    page, problems = opened(browser, address)
    Image.fromarray(digits(1)[0][0, 0]).save(tmp_path / "mine.png")
    page.set_input_files("#file", tmp_path / "mine.png")
    until(page, "document.querySelector('#shown').textContent === 'mine.png'")
    assert text(page, "#answer-class") == str(digits(1)[1][0])
    assert problems == []
    (tmp_path / "bad.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "bad.png")
    until(page, "document.querySelector('#answer-class').textContent === 'refused'")
    assert "expected PNG" in text(page, "#answer-text")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_scrolls_sideways(browser: Browser, address: str, width: int, scheme: str) -> None:
    page, problems = opened(browser, address, width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(
        "[...document.querySelectorAll('input')].every(each => each.labels.length === 1 || each.getAttribute('aria-label'))"
    )
    assert page.evaluate("[...document.querySelectorAll('canvas, svg')].every(each => each.getAttribute('aria-label'))")
    assert problems == []


def test_a_lost_line_is_taken_up_again(browser: Browser) -> None:
    loop = Loop(demo_network(), Script(shots(3)), realtime=False)
    with serving(loop) as (feed, address):
        feed.take(next(loop.frames()))
        page, _ = opened(browser, f"http://{address}")
    until(page, "document.querySelector('#status').textContent.includes('connection lost')")
    again = Loop(demo_network(), Script(shots(3)), realtime=False)
    with serving(again, int(address.split(":")[1])) as (feed, _):
        for record in again.frames():
            time.sleep(2 * SHORTEST_S)  # a viewer who is back already is not sent frames that follow faster
            feed.take(record)
        until(page, "owlbit.latest()?.index === 2 && document.body.dataset.frame === '2'")

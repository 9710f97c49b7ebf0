"""search.html in a browser: it asks for nothing from outside, and a range dragged on an axis keeps the trials that pass there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from owlbit.toolchain.search.axes import axes_of
from owlbit.toolchain.search.measures import growths
from owlbit.toolchain.search.page import render_search
from owlbit.toolchain.search.space_file import read_space
from search_cases import space_file, trial

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def test_axes_show_choices_ranges_costs_and_accuracy(tmp_path: Path) -> None:
    trials = [trial(0, 0.5, bits=100), trial(1, 0.75, bits=10_000), trial(2, 0.6, bits=1000)]
    found = {axis.name: axis for axis in axes_of(read_space(space_file(tmp_path)), trials)}
    assert found["input.thresholds"].ticks == ((0.0, "2"), (1.0, "3"))
    assert found["input.thresholds"].places == (0.0, 1.0, 0.0)
    assert found["layers[0].filters"].places == (0.0, 0.0, 0.0)
    assert found["layers[1].groups"].places == (None, None, None)  # the layer is left out
    assert found["bits"].places == pytest.approx((0.0, 1.0, 0.5))  # on a logarithmic scale
    assert found["accuracy"].ticks == ((0.0, "50.0 %"), (1.0, "75.0 %"))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path; Debian: apt-get install chromium")
def test_a_range_on_an_axis_keeps_what_passes(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `make venv` brings it")
    space = read_space(space_file(tmp_path))
    trials = [trial(number, 0.5 + 0.01 * number, bits=100 + number) for number in range(20)]
    reasons = [("bits </script>", 3)]
    (tmp_path / "search.html").write_text(render_search(space, trials, [], growths(trials, ("bits",)), reasons))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 2000})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(f"file://{tmp_path / 'search.html'}")
        assert page.inner_text("#chosen") == "20 of 20 finished trials"
        page.locator("#coordinates").scroll_into_view_if_needed()
        grip = page.locator("#coordinates rect.grip").last.bounding_box()  # of accuracy
        assert grip is not None
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + 2)
        page.mouse.down()
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2, steps=4)
        page.mouse.up()
        assert page.inner_text("#chosen") == "10 of 20 finished trials"
        assert page.locator("#coordinates path.out").count() == 10
        page.mouse.click(grip["x"] + grip["width"] / 2, grip["y"] + 2)
        assert page.inner_text("#chosen") == "20 of 20 finished trials"
        assert problems == []
        browser.close()

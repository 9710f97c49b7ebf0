"""What `owlbit sense` may be told beside its network and its settings. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SenseOptions:
    """The options of one session; the defaults are those of the command line.

    `source`: "scene", "webcam", /dev/videoN, a folder of pictures or a video; `light`: illuminance of the scene, lux; `mismatch`:
    comparator offset, mV rms, None for that of the settings; `rate`: frames per second, also the longest exposure; `level`: "fast"
    or "rtl"; `converter`: "comparators" or "adc"; `bubbles`: "count" or "keep"; `expose_for`: fixes the exposure for so many lux,
    None to follow the light.
    `headless`: no page; `host`, `port`: where the page is served, port 0 for any free one; `token`: what its commands need, see
    `server.serve.run_page`; `frames`: stop after so many, None for
    never; `full_speed`: do not wait for the next frame's time; `once`: end with the source instead of beginning it again; `hold`:
    for how many frames a picture of a folder stays; `strict`: refuse frames of another size instead of scaling them; `events`: a
    file that gets each event as a line of JSON; `webhook`: a URL that each event is posted to; `seed`: of chip, noise and scene;
    `board`: name or file of a board whose clock, energy and wake-up are meant, None for the bare engine.
    Of Monte-Carlo alone: `against`: networks to compare with; `folder`: where table and plot go; `chips` per point; `images` per
    chip.
    """

    source: str = "scene"
    light: float = 200.0
    mismatch: float | None = None
    rate: float = 30.0
    level: str = "fast"
    converter: str = "comparators"
    bubbles: str = "count"
    expose_for: float | None = None
    headless: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    frames: int | None = None
    full_speed: bool = False
    once: bool = False
    hold: int = 15
    strict: bool = False
    events: Path | None = None
    webhook: str | None = None
    seed: int = 0
    board: str | None = None
    against: tuple[Path, ...] = ()
    folder: Path = Path("runs/monte_carlo")
    chips: int = 12
    images: int = 500

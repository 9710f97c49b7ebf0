"""`owlbit sense`: parses, puts a sensor together, and runs it or its Monte-Carlo; imports nothing heavy before it is called."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.errors import INTERRUPTED
from owlbit.toolchain.cli.pixels import ShapeOption, given_shape
from owlbit.toolchain.sensing.options import SenseOptions
from owlbit.toolchain.sensing.session import run_live, run_sweeps


def sense(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="As for simulate; the demo network by default.")] = Path(
        "zoo:digits"
    ),
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help="scene (embedded digits), webcam, /dev/videoN, a folder of pictures, or a video.")
    ] = SenseOptions.source,
    light: Annotated[float, typer.Option(metavar="LUX", help="Illuminance of the scene.")] = SenseOptions.light,
    mismatch: Annotated[
        float | None, typer.Option(metavar="MV", help="Comparator offset, mV rms (default: that of the settings).")
    ] = SenseOptions.mismatch,
    rate: Annotated[float, typer.Option(metavar="FPS", help="Frames per second; also the longest exposure.")] = SenseOptions.rate,
    level: Annotated[str, typer.Option(metavar="LEVEL", help="fast, or rtl: the engine's Verilog.")] = SenseOptions.level,
    converter: Annotated[str, typer.Option(metavar="NAME", help="comparators (thermometer in the pixels), or adc (8 bits).")] = (
        SenseOptions.converter
    ),
    bubbles: Annotated[
        str, typer.Option(metavar="HOW", help="count: send how many comparators fired; keep: the bits as they are.")
    ] = SenseOptions.bubbles,
    expose_for: Annotated[
        float | None, typer.Option(metavar="LUX", help="Fix the exposure for this light (default: it follows the light).")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No page: events and notices only in the terminal.")] = False,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address that the page listens on; 0.0.0.0 makes it visible to other machines.")
    ] = SenseOptions.host,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="The page's port; 0: any free one.")
    ] = SenseOptions.port,
    token: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            envvar="OWLBIT_TOKEN",
            help="Token for the page's commands (default: none on this machine; otherwise a random one is printed).",
        ),
    ] = SenseOptions.token,
    frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after N frames (default: never).")] = None,
    full_speed: Annotated[bool, typer.Option("--full-speed", help="Do not wait for the next frame's time.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Stop at the end of the source instead of repeating it.")] = False,
    hold: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of frames for which a picture of a folder is shown.")
    ] = SenseOptions.hold,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse frames of another size instead of scaling them.")] = False,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also append events to this file, one JSON line per event.")
    ] = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Also POST each event to this URL.")] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML that changes the sensor, wake policy or energy.")
    ] = None,
    show_settings: Annotated[bool, typer.Option("--show-settings", help="Print the settings as TOML to copy, and stop.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of chip, noise and scene.")] = SenseOptions.seed,
    board: Annotated[
        str | None, typer.Option(metavar="BOARD", help="Clock, energy and wake-up of this board; see owlbit boards list.")
    ] = None,
    monte_carlo: Annotated[
        bool, typer.Option("--monte-carlo", help="Instead: measure accuracy over mismatch, light and frame rate, for many chips.")
    ] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="MODEL", help="Monte-Carlo: also compare with this network; repeatable."),
    ] = None,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for Monte-Carlo's table and plot.")] = (
        SenseOptions.folder
    ),
    chips: Annotated[int, typer.Option(metavar="N", min=2, help="Monte-Carlo: chips per point.")] = SenseOptions.chips,
    images: Annotated[int, typer.Option(metavar="N", min=10, help="Monte-Carlo: test images per chip.")] = SenseOptions.images,
    input_range: Annotated[str, typer.Option(metavar="RANGE", help="As for simulate.")] = "auto",
    image_shape: ShapeOption = None,
) -> None:
    """Simulate an always-on sensor with its network, live in the browser: photons in, thermometer bits, decisions, events out.

    The page is at http://127.0.0.1:8000 until SIGTERM or Ctrl-C; `--headless` runs without it.
    Each event is one line of JSON on standard output; notices and a summary go to standard error.

    Example: `owlbit sense zoo:digits --light 50 --events events.jsonl`
    """
    from owlbit.toolchain.sensing.sensor import check_light
    from owlbit.toolchain.sensing.settings import DEFAULTS, load_settings

    if show_settings:
        typer.echo(DEFAULTS.read_text(encoding="utf-8"), nl=False)
        return
    check_light(light)
    given = load_settings(settings)
    network = owlbit.load(model, input_range=input_range, image_shape=given_shape(image_shape))
    if network.input_shape[0] not in (1, 3):
        raise OwlbitError(
            f"{model}: expected a network on gray or RGB images, got one on {network.input_shape[0]} channels of "
            f"{network.input_shape[1]}x{network.input_shape[2]}; of a network on a vector give --image-shape, as 1,28,28"
        )
    options = SenseOptions(
        source=source,
        light=light,
        mismatch=mismatch,
        rate=rate,
        level=level,
        converter=converter,
        bubbles=bubbles,
        expose_for=expose_for,
        headless=headless,
        host=host,
        port=port,
        token=token,
        frames=frames,
        full_speed=full_speed,
        once=once,
        hold=hold,
        strict=strict,
        events=events,
        webhook=webhook,
        seed=seed,
        board=board,
        against=tuple(against or ()),
        folder=folder,
        chips=chips,
        images=images,
    )
    if monte_carlo:
        typer.echo(run_sweeps(model, network, given, options))
        typer.echo(f"table, CSV and plot: {folder}")
    elif run_live(network, given, options) == signal.SIGINT:
        raise SystemExit(INTERRUPTED)

"""One session of `owlbit sense`: loop and sinks put together, run, and summed up. Imports nothing heavy before it is called."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from owlbit.export.errors import OwlbitError

if TYPE_CHECKING:
    from owlbit.export.network import Network
    from owlbit.toolchain.sensing.loop import Loop
    from owlbit.toolchain.sensing.moment import Moment
    from owlbit.toolchain.sensing.settings import Settings
    from owlbit.toolchain.sensing.sinks import Sink


def tell(notice: str) -> None:
    """One line on standard error."""
    typer.echo(f"owlbit: {notice}", err=True)


def build_loop(
    network: Network,
    settings: Settings,
    *,
    source: str = "scene",
    light: float = 200.0,
    mismatch: float | None = None,
    rate: float = 30.0,
    level: str = "fast",
    converter: str = "comparators",
    bubbles: str = "count",
    expose_for: float | None = None,
    full_speed: bool = False,
    once: bool = False,
    hold: int = 15,
    strict: bool = False,
    seed: int = 0,
) -> Loop:
    """The loop that the options of `owlbit sense` describe. Raises OwlbitError for what cannot be used."""
    from owlbit.toolchain.sensing.controls import Controls
    from owlbit.toolchain.sensing.converters import make_converter
    from owlbit.toolchain.sensing.engine import make_engine
    from owlbit.toolchain.sensing.loop import Loop
    from owlbit.toolchain.sensing.sources.open_source import open_source

    return Loop(
        network,
        open_source(source, network, notify=tell, strict=strict, repeat=not once, hold=hold, seed=seed),
        sensor=settings.sensor,
        policy=settings.policy_for(network),
        energy=settings.energy,
        engine=make_engine(level, network),
        converter=make_converter(converter, settings.sensor, network, bubbles),
        controls=Controls(light, settings.sensor.mismatch_mv if mismatch is None else mismatch),
        frames_per_second=rate,
        realtime=not full_speed,
        fixed_lux=expose_for,
        chip_seed=seed,
        noise_seed=seed + 1,
        notify=tell,
    )


def open_sinks(events: Path | None, webhook: str | None) -> list[Sink]:
    """Standard output, and the file and the webhook where given. Raises OwlbitError where one cannot be used."""
    from owlbit.toolchain.sensing.sinks import LineSink, Webhook, file_sink

    sinks: list[Sink] = [LineSink(sys.stdout, tell)]
    if events is not None:
        sinks.append(file_sink(events, tell))
    if webhook is not None:
        sinks.append(Webhook(webhook, tell))
    return sinks


def turn(loop: Loop, sinks: list[Sink], frames: int | None) -> Iterator[Moment]:
    """The moments of `loop`, `frames` at most; the event of each goes into `sinks` first."""
    for moment in loop.moments():
        if moment.event is not None:
            for sink in sinks:
                sink.put(moment.event)
        yield moment
        if moment.index + 1 == frames:
            return


def open_page(loop: Loop, moments: Iterator[Moment], host: str, port: int) -> int | None:
    """Serves the page; see `serve.run_page`. Raises OwlbitError where what it needs is not installed."""
    try:
        from owlbit.toolchain.sensing.server.serve import run_page
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "starlette", "uvicorn", "prometheus_client"):
            raise
        raise OwlbitError(
            f"the page needs {error.name}; `pip install --editable '.[sense]'` in the checkout brings it, --headless does without"
        ) from None
    return run_page(loop, moments, host=host, port=port, notify=tell)


def run_headless(loop: Loop, moments: Iterator[Moment]) -> int | None:
    """Takes all `moments` of `loop`, until SIGTERM or SIGINT; the signal, or None."""
    caught: list[int] = []

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        loop.controls.stop()

    earlier = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for _ in moments:
            pass
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return caught[0] if caught else None


def summary(loop: Loop) -> str:
    """One line about a whole run."""
    tally = loop.tally
    parts = [f"{tally.frames:,} frames", f"{tally.events:,} events"]
    if tally.accuracy is not None:
        parts.append(f"{tally.accuracy:.2%} of {tally.labelled:,} labelled frames right")
    if tally.frames and tally.joules:
        seconds = tally.frames / loop.frames_per_second
        watts = ", ".join(f"{name} {1e3 * joules / seconds:.3g} mW" for name, joules in tally.joules.items())
        parts.append(f"estimated power {watts}")
    if tally.corrupt or tally.gone:
        parts.append(f"{tally.corrupt:,} corrupt frames passed over, source gone {tally.gone:,} times")
    if tally.busy_s > 0:
        parts.append(
            f"{tally.busy_s / tally.frames * 1e3:.2f} ms of one core a frame, {tally.frames / tally.busy_s:,.0f} frames/s at most"
        )
    return "; ".join(parts)

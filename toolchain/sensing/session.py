"""One session of `owlbit sense`: loop and sinks put together, run, and summed up, or its Monte-Carlo. Light until it is called."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from owlbit.export.errors import OwlbitError

if TYPE_CHECKING:
    from owlbit.export.network import Network
    from owlbit.toolchain.sensing.frame_record import FrameRecord
    from owlbit.toolchain.sensing.loop import Loop
    from owlbit.toolchain.sensing.options import SenseOptions
    from owlbit.toolchain.sensing.settings import Settings
    from owlbit.toolchain.sensing.sinks import Sink


def tell(notice: str) -> None:
    """One line on standard error."""
    typer.echo(f"owlbit: {notice}", err=True)


def run_live(network: Network, settings: Settings, options: SenseOptions) -> int | None:
    """Runs the sensor with its page, or without, to its end; the signal that ended it, or None. Raises OwlbitError."""
    loop = build_loop(network, settings, options)
    sinks = open_sinks(options)
    records = deliver_events(loop, sinks, options.frames)
    try:
        stopped_by = run_headless(loop, records) if options.headless else open_page(loop, records, options)
    finally:
        for sink in sinks:
            sink.close()
    tell(summary(loop))
    return stopped_by


def run_sweeps(model: Path, network: Network, settings: Settings, options: SenseOptions) -> str:
    """Runs the Monte-Carlo of `network`, which the user named `model`; its table. Raises OwlbitError."""
    from owlbit.toolchain.sensing.monte_carlo.run import run_monte_carlo
    from owlbit.toolchain.sensing.monte_carlo.systems import labelled_frames, systems_for

    return run_monte_carlo(
        systems_for(model, network, list(options.against)),
        labelled_frames(network, options.source, options.images),
        options.folder,
        settings.sensor if options.mismatch is None else replace(settings.sensor, mismatch_mv=options.mismatch),
        lux=options.light,
        rate=options.rate,
        chips=options.chips,
        seed=options.seed,
        notify=tell,
    )


def build_loop(network: Network, settings: Settings, options: SenseOptions) -> Loop:
    """The loop that `options` describe. Raises OwlbitError for what cannot be used."""
    from owlbit.hw.up5k.board import load_board
    from owlbit.hw.up5k.class_table import rank_on_chip
    from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
    from owlbit.toolchain.sensing.controls import Controls
    from owlbit.toolchain.sensing.converters import make_converter
    from owlbit.toolchain.sensing.engine import make_engine
    from owlbit.toolchain.sensing.loop import Loop
    from owlbit.toolchain.sensing.sources.open_source import open_source

    source = open_source(
        options.source,
        network,
        notify=tell,
        strict=options.strict,
        repeat=not options.once,
        hold=options.hold,
        seed=options.seed,
    )
    policy, energy, clock_hz, rank = settings.policy_for(network), settings.energy, CLOCK_HZ, None
    if options.board is not None:
        board, ranking = load_board(options.board), rank_on_chip(network)
        policy, energy, clock_hz = replace(policy, contrast=0.0), energy.on_board(board), board.clock_hz
        if ranking.host_decides:
            tell("no integers rank this network's classes as its factors do: on the board, class and wake-up are the host's")
        else:
            rank, policy = ranking.values, replace(policy, margin=policy.on_chip(network).margin)
        stops = "stops" if board.clock_gating else "does not stop"
        tell(f"board {board.name}: the contrast gate is off, as the chip has none; the clock {stops} between frames")
    return Loop(
        network,
        source,
        sensor=settings.sensor,
        policy=policy,
        energy=energy,
        clock_hz=clock_hz,
        engine=make_engine(options.level, network, rank),
        converter=make_converter(options.converter, settings.sensor, network, options.bubbles),
        controls=Controls(options.light, settings.sensor.mismatch_mv if options.mismatch is None else options.mismatch),
        frames_per_second=options.rate,
        realtime=not options.full_speed,
        fixed_lux=options.expose_for,
        chip_seed=options.seed,
        noise_seed=options.seed + 1,
        notify=tell,
    )


def open_sinks(options: SenseOptions) -> list[Sink]:
    """Standard output, and the file and the webhook where given. Raises OwlbitError where one cannot be used."""
    from owlbit.toolchain.sensing.sinks import LineSink, Webhook, file_sink

    sinks: list[Sink] = [LineSink(sys.stdout, tell)]
    if options.events is not None:
        sinks.append(file_sink(options.events, tell))
    if options.webhook is not None:
        sinks.append(Webhook(options.webhook, tell))
    return sinks


def deliver_events(loop: Loop, sinks: list[Sink], count: int | None) -> Iterator[FrameRecord]:
    """The records of `loop`, `count` at most; the event of each goes into `sinks` first."""
    for record in loop.frames():
        if record.event is not None:
            for sink in sinks:
                sink.put(record.event)
        yield record
        if record.index + 1 == count:
            return


def open_page(loop: Loop, records: Iterator[FrameRecord], options: SenseOptions) -> int | None:
    """Serves the page; see `serve.run_page`. Raises OwlbitError where what it needs is not installed."""
    try:
        from owlbit.toolchain.sensing.server.serve import run_page
    except ModuleNotFoundError as error:
        if error.name not in ("anyio", "fastapi", "h11", "prometheus_client", "starlette", "uvicorn"):
            raise
        raise OwlbitError(
            f"the page needs {error.name}; `pip install --editable '.[sense]'` in the checkout brings it, --headless does without"
        ) from None
    return run_page(loop, records, host=options.host, port=options.port, notify=tell, token=options.token)


def run_headless(loop: Loop, records: Iterator[FrameRecord]) -> int | None:
    """Takes all `records` of `loop`, until SIGTERM or SIGINT; the signal, or None."""
    caught: list[int] = []

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        loop.controls.stop()

    earlier = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for _ in records:
            pass
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return caught[0] if caught else None


def summary(loop: Loop) -> str:
    """One line about a whole run."""
    from owlbit.toolchain.sensing.measured_power import measured_sentence

    tally = loop.tally
    parts = [f"{tally.frames:,} frames", f"{tally.events:,} events"]
    if tally.accuracy is not None:
        parts.append(f"{tally.accuracy:.2%} of {tally.labelled:,} labelled frames right")
    if tally.frames and tally.joules:
        seconds = tally.frames / loop.frames_per_second
        watts = ", ".join(f"{name} {1e3 * joules / seconds:.3g} mW" for name, joules in tally.joules.items())
        parts.append(f"estimated power {watts}; {measured_sentence()}")
    if tally.corrupt or tally.gone:
        parts.append(f"{tally.corrupt:,} corrupt frames passed over, source gone {tally.gone:,} times")
    if tally.busy_s > 0:
        parts.append(
            f"{tally.busy_s / tally.frames * 1e3:.2f} ms of one core per frame, {tally.frames / tally.busy_s:,.0f} frames/s at most"
        )
    return "; ".join(parts)

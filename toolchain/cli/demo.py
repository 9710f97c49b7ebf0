"""`owlbit demo`: a recipe to a verified flash image and a report, every stage in order, each with its seconds."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from owlbit import models
from owlbit.export.files import check_replaceable, write_text
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw.up5k.build import FLASH, TARGET
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.verification import Row, any_wrong
from owlbit.toolchain.cli.tables import verification_table
from owlbit.toolchain.deploy.build_up5k import build_model
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.deploy.verify import read_verified, verify_model
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.reports.findings import Findings, gather_findings
from owlbit.toolchain.reports.run_report import render_report
from owlbit.toolchain.runs.demo_facts import FACTS, DemoFacts, write_demo_facts
from owlbit.toolchain.runs.run_folder import REPORT

RECIPE = Path(models.__file__).parent / "recipes" / "digits.toml"


def run_demo(folder: Path, out: Console, recipe: Path = RECIPE) -> bool:
    """Trains `recipe` in `folder`, exports, builds for the up5k, verifies and reports; whether no backend was wrong.

    An earlier demo in `folder` is replaced. Raises OwlbitError where `folder` is a file or holds anything else.
    """
    from owlbit.toolchain.deploy.export_run import export_run
    from owlbit.toolchain.training.train import train

    check_replaceable(folder, FACTS)
    loaded = load_recipe(recipe)
    shutil.rmtree(folder, ignore_errors=True)
    stages: dict[str, float] = {}
    write_demo_facts(folder, DemoFacts(stages, 0.0))

    with stage("train", f"{loaded.name}: {loaded.training.epochs} epochs on {loaded.data.source}", stages, out):
        train(loaded, folder, console=out)
    with stage("export", "model.onnx (QONNX) and network.npz (integers)", stages, out):
        export_run(folder)
    with stage("build", "up5k/flash.bin for the iCE40 UP5K", stages, out):
        build_model(find_model(folder), folder / TARGET)
    with stage("verify", "every backend against the integer reference", stages, out):
        rows = verify_model(read_verified(find_model(folder)), None, "bitstream", reporter(out))
    with stage("report", REPORT, stages, out):
        found = gather_findings(find_model(folder))
        write_text(folder / REPORT, render_report(found))

    write_demo_facts(folder, facts_of(folder, stages, found))
    out.print()
    out.print(verification_table(rows))
    out.print(summary(folder, found, stages))
    return not any_wrong(rows)


@contextmanager
def stage(name: str, about: str, stages: dict[str, float], out: Console) -> Iterator[None]:
    """Prints a heading, then how long the block took; notes the seconds in `stages`."""
    out.print(f"\n[bold]{name}[/]  [dim]{escape(about)}[/]", highlight=False)
    start = time.perf_counter()
    yield
    stages[name] = round(time.perf_counter() - start, 2)
    out.print(f"  {stages[name]:.1f} s", highlight=False)


def reporter(out: Console) -> Callable[[Row], None]:
    """Prints one line per backend as soon as it is done."""

    def report(row: Row) -> None:
        out.print(f"  {row.backend}: {row.status}, {row.images} images", highlight=False)

    return report


def facts_of(folder: Path, stages: dict[str, float], found: Findings) -> DemoFacts:
    """What the demo in `folder` found."""
    return DemoFacts(
        stages=stages,
        seconds=round(sum(stages.values()), 1),
        test_images=len(found.test_images),
        test_accuracy=found.right / len(found.test_images),
        weight_bits=total_cost(layer_costs(found.network)).weight_bits,
        flash_bytes=(folder / TARGET / FLASH).stat().st_size,
        cycles_per_frame=found.measured_cycles,
        verification=list(found.verification),
    )


def summary(folder: Path, found: Findings, stages: dict[str, float]) -> Table:
    """The figures worth remembering, and where to look next."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    ran = [row for row in found.verification if row.status not in ("reference", "not run")]
    exact = sum(row.status == "exact" for row in ran)
    left = [row.backend for row in found.verification if row.status == "not run"]
    bits = total_cost(layer_costs(found.network)).weight_bits
    size = (folder / TARGET / FLASH).stat().st_size
    table.add_row("test accuracy", f"{found.right / len(found.test_images):.2%} of {len(found.test_images):,} images")
    table.add_row("network", f"{bits / 1000:,.1f} kbit of binary weights")
    table.add_row("flash image", escape(f"{size:,} bytes, {folder / 'up5k' / 'flash.bin'}"))
    if found.measured_cycles:
        rate = CLOCK_HZ / found.measured_cycles
        table.add_row("speed", f"{found.measured_cycles:,} cycles per frame in RTL, {rate:,.0f} frames/s at 24 MHz")
    table.add_row("verification", f"{exact} of {len(ran)} backends exact" + (f"; not run: {', '.join(left)}" if left else ""))
    table.add_row("time", f"{sum(stages.values()):.0f} s")
    table.add_row("read on", escape(str(folder / REPORT)))
    return table

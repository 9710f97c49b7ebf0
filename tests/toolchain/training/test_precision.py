"""precision = "auto": by the processor's instructions, told, kept in the run; the fast form in float32 trains as the plain one."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from owlbit.toolchain.runs.history import read_history
from owlbit.toolchain.runs.processor import native_bfloat16
from owlbit.toolchain.training import precision
from owlbit.toolchain.training import train as training
from owlbit.toolchain.training.precision import automatic_precision, with_precision
from owlbit.toolchain.training.train import train
from tiny_recipe import TEACHER, quiet, recipe_for

X86 = "processor : 0\nmodel name : Some CPU\nflags : fpu avx2 avx512f {}\n"


@pytest.mark.parametrize(
    ("text", "native"),
    [
        (X86.format("avx512_bf16 amx_bf16"), "AMX-BF16, AVX512-BF16"),
        (X86.format("avx512_vnni"), ""),
        ("processor : 0\nFeatures : fp asimd i8mm bf16\n", "BF16"),
        ("processor : 0\nFeatures : fp asimd\n", ""),
        ("", ""),
    ],
)
def test_the_processor_says_whether_bfloat16_pays(tmp_path: Path, text: str, native: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert native_bfloat16(tmp_path / "cpuinfo") == native
    assert automatic_precision(tmp_path / "cpuinfo")[0] == ("bfloat16" if native else "float32-fast")
    assert automatic_precision(tmp_path / "nowhere")[0] == "float32-fast"


def test_a_gpu_has_bfloat16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "accelerator", lambda: "cuda")
    assert automatic_precision(tmp_path / "nowhere")[0] == "bfloat16"


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("chosen", ["bfloat16", "float32-fast"])
def test_what_was_chosen_is_told_and_a_resumed_run_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    restarts = "[[restarts]]\ntraining = { epochs = 2 }\n"
    recipe = recipe_for(tmp_path, training='precision = "auto"\n' + TEACHER + restarts)
    explicit = with_precision(recipe, chosen)
    assert (explicit.training.precision, explicit.before[0].training.precision) == (chosen, chosen)
    train(explicit, tmp_path / "explicit", console=quiet())
    console = Console(file=StringIO(), width=120)
    monkeypatch.setattr(training, "automatic_precision", lambda: (chosen, "so said the test"))
    train(recipe, tmp_path / "auto", console=console, stop_after=3)
    assert isinstance(console.file, StringIO) and f'precision = "auto": {chosen}, so said the test' in console.file.getvalue()
    assert json.loads((tmp_path / "auto" / "run.json").read_text())["automatic_precision"] == chosen
    # As if the run went on on another machine.
    monkeypatch.setattr(training, "automatic_precision", lambda: ("float32", "here"))
    train(recipe, tmp_path / "auto", console=console, resume=True)
    assert f'precision = "auto": {chosen}, as this run began' in console.file.getvalue()
    assert weights(tmp_path / "auto") == weights(tmp_path / "explicit")


@pytest.mark.parametrize(("here", "told"), [("bfloat16", False), ("float32-fast", True)])
def test_bfloat16_where_it_is_slow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, told: bool) -> None:
    monkeypatch.setattr(training, "automatic_precision", lambda: (here, "so said the test"))
    console = Console(file=StringIO(), width=120)
    train(recipe_for(tmp_path, training='precision = "bfloat16"\n'), tmp_path / "run", console=console, stop_after=1)
    assert isinstance(console.file, StringIO)
    assert ('precision = "bfloat16": this processor does not' in console.file.getvalue()) == told


def test_the_fast_form_in_float32_trains_as_the_plain_one(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training='estimator = "triangular"\n')
    curves = []
    for name in ("float32", "float32-fast"):
        train(replace(recipe, training=replace(recipe.training, precision=name)), tmp_path / name, console=quiet())
        curves.append([record.loss for record in read_history(tmp_path / name / "history.json")])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-3)

"""Searches and sweeps from the command line, with real trainings: resumed after kills, failures that do not stop them, the demo."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from command_line import owlbit
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.history import read_history
from owlbit.toolchain.runs.run_folder import read_result
from owlbit.toolchain.search.pools import KILLED, MOST_TRIES, LocalPool
from owlbit.toolchain.search.records import FAILED, FINISHED
from owlbit.toolchain.search.study import read_trials
from owlbit.toolchain.search.train_trial import Task
from search_cases import SPACE, space_file
from tiny_recipe import recipe_for

OWLBIT = [sys.executable, "-m", "owlbit.toolchain"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_search_from_the_command_line(tmp_path: Path) -> None:
    tested = SPACE.replace("finals = 0", "finals = 1\nbefore = true") + '[final]\ntraining = { epochs = 3, keep = "last" }\n'
    file, out = space_file(tmp_path, tested), tmp_path / "out"
    extended_file = tmp_path / "recipe.toml"
    extended_file.write_text(extended_file.read_text().replace("[input]", "test_share = 0.2\n[input]", 1))
    done = owlbit("search", str(file), "--out", str(out))
    assert done.code == 0, done.err
    assert "trials: 2 finished" in done.out and f"searched: {out}" in done.out
    trained = [row for row in rows(out / "trials.csv") if row["kind"] == FINISHED]
    assert len(trained) == 2 and all(len(row["curve"].split()) == 2 for row in trained)
    assert all(int(row["bits"]) <= 4000 for row in trained)
    front = rows(out / "front.csv")
    for row in front:
        recipe = load_recipe(out / "front" / f"{row['sampler']}-{row['seed']}-{row['trial']}.toml")
        assert recipe.input.thresholds == int(row["input.thresholds"])
        assert recipe.layers[0].filters == int(row["layers[0].filters"])  # type: ignore[union-attr]
    final, before = rows(out / "finals.csv")
    assert before["trial"] == "before" and int(before["bits"]) > 0
    hand_written, extended = load_recipe(out / "final" / "before.toml"), load_recipe(tmp_path / "recipe.toml")
    assert hand_written.layers == extended.layers and hand_written.training.epochs == 3
    assert float(before["test"]) == read_result(out / "final" / "before").test_accuracy
    assert "before the search" in (out / "search.html").read_text()
    result = read_result(out / "final" / final["trial"])
    assert (result.epochs, result.test_images) == (3, 16)
    assert (float(final["validation"]), float(final["test"])) == (result.validation_accuracy, result.test_accuracy)
    best = owlbit("search", "--best", str(out), "--bits", "4000", "--fps", "10")
    assert best.code == 0 and "Found by `owlbit search`" in best.out
    again = owlbit("search", str(file), "--out", str(out))
    assert again.code == 0 and "2 of 2 trials are there already" in again.err
    assert rows(out / "front.csv") == front
    # What is there is of three epochs; with four, neither is it taken for the new one nor is it overwritten.
    file.write_text(file.read_text().replace("epochs = 3", "epochs = 4"))
    changed = owlbit("search", str(file), "--out", str(out))
    assert changed.code == 2 and "found one of another recipe" in changed.err and "has [final] changed?" in changed.err, changed.err
    assert read_result(out / "final" / final["trial"]) == result and rows(out / "finals.csv") == [final, before]
    for network in (final["trial"], "before"):
        (out / "final" / network).rename(tmp_path / network)
    assert owlbit("search", str(file), "--out", str(out)).code == 0
    assert read_result(out / "final" / final["trial"]).epochs == 4


def test_before_the_search_there_is_a_recipe(tmp_path: Path) -> None:
    alone = re.sub(r"thresholds = \d+", "thresholds = { choices = [2, 3] }", recipe_for(tmp_path).text)
    (tmp_path / "space.toml").write_text(alone + "\n[search]\nbefore = true\n")
    ended = owlbit("search", str(tmp_path / "space.toml"), "--out", str(tmp_path / "out"))
    assert ended.code == 2 and "search.before: expected a space that extends a recipe, got true" in ended.err, ended.err
    assert not (tmp_path / "out" / "study.journal").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("search", "search: expected SPACE and --out DIR, or --best DIR, got neither"),
        ("search space.toml", "search: expected SPACE and --out DIR"),
        ("search space.toml --out out --fps 3", "--fps: expected with --best, got it without"),
        ("search space.toml --best out", "--best: expected the folder of a search and limits alone"),
        ("search nowhere.toml --out out", "nowhere.toml: expected a recipe, found no such file"),
        ("train recipe.toml --out out --set rate", '--set: expected KEY=VALUE,VALUE.., as training.rate=0.001,0.003, got "rate"'),
        ("train recipe.toml --out out --set training.rat=1,2", 'training.rat: expected a known key (did you mean "rate"?)'),
        ("train recipe.toml --out out --set layers[7].filters=1,2", "layers[7].filters: expected one of its 2 tables, got [7]"),
        ("train recipe.toml --out out --set training.rate=0.1 --set training.rate=1", "--set: expected each key once"),
        (
            "train recipe.toml --out out --set training.rate=0.1,1 --minutes 1",
            "--minutes: expected a single training, got --set too",
        ),
        ("train recipe.toml --out out --set training.rate=0.1,1 --overwrite", "--overwrite: expected a single training"),
    ],
)
def test_wrong_use_is_one_message(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    ended = owlbit(*words.split())
    assert ended.code == 2 and message in ended.err and ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_share_of_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("not run: this machine has a GPU")
    ended = owlbit("search", str(space_file(tmp_path)), "--out", str(tmp_path / "out"), "--gpu", "0.5", "--jobs", "2")
    assert ended.code == 2
    assert "--gpu: expected GPUs for 2 trials at once with a share of 0.5 each, found no GPU; give fewer --jobs" in ended.err


def test_a_small_space_in_which_nothing_fits(tmp_path: Path) -> None:
    small = 'extends = "recipe.toml"\n[input]\nthresholds = { choices = [2, 3] }\n[constraints]\ntarget = "up5k"\nbits = 9\n'
    file = space_file(tmp_path, small + '[search]\nsampler = "grid"\n')
    ended = owlbit("search", str(file), "--out", str(tmp_path / "out"))
    assert (
        ended.code == 2 and "found none among 2; the closest has input.thresholds = 2: bits: expected at most 9, got" in ended.err
    )


@pytest.mark.slow
def test_constraints_that_nothing_meets_name_the_closest_candidate(tmp_path: Path) -> None:
    file = space_file(tmp_path, SPACE.replace("bits = 4000", "bits = 20"))
    ended = owlbit("search", str(file), "--out", str(tmp_path / "out"))
    assert ended.code == 2
    assert (
        "expected a candidate that meets the constraints (target up5k, bits <= 20), found none among 150; the closest has"
        in ended.err
    )
    assert "layers[0].filters = 8" in ended.err and not (tmp_path / "out" / "front").exists()


@pytest.mark.slow
def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    text = SPACE.replace("epochs = 2", "epochs = 60").replace("trials = 2", "trials = 5\nprune = false")
    file, out = space_file(tmp_path, text), tmp_path / "out"
    command = [*OWLBIT, "search", str(file), "--out", str(out), "--jobs", "2"]

    def finished() -> dict[str, float]:
        found = read_trials(out)[0] if (out / "study.journal").exists() else []
        return {trial.name: trial.accuracy for trial in found if trial.kind == FINISHED}

    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 240
    while len(finished()) < 2:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = finished()
    assert 2 <= len(before) < 5
    until = time.monotonic() + 60
    while any(Path(f"/proc/{worker}").exists() for worker in workers):  # they end with what began them
        assert time.monotonic() < until
        time.sleep(0.1)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    killed = False
    while process.poll() is None and not killed:
        for worker in children(process.pid):
            command_line = Path(f"/proc/{worker}/cmdline")
            if command_line.exists() and b"spawn_main" in command_line.read_bytes():
                os.kill(worker, signal.SIGKILL)  # its trial is trained again, in another process
                killed = True
                break
        time.sleep(0.05)
    _, said = process.communicate(timeout=300)
    assert killed and process.returncode == 0, said
    assert f"tpe-0: {len(before)} of 5 trials are there already" in said and "trained again" in said
    after = finished()
    assert len(after) == 5 and before.items() <= after.items()


def children(process: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{process}/task").iterdir() for child in (task / "children").read_text().split()]


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_again_and_again_has_failed(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training="")
    tables = {**recipe.tables, "training": {"epochs": 5000, "batch": 16}}
    with LocalPool(1) as pool:
        pool.begin(Task("tpe-0-0", tables, "", recipe.path))
        killer = threading.Thread(target=kill_children, args=(os.getpid(), MOST_TRIES))
        killer.start()
        ((task, outcome),) = pool.ended()
        killer.join()
        assert task.name == "tpe-0-0" and (outcome.kind, outcome.note) == (FAILED, KILLED)
        pool.begin(
            Task("tpe-0-1", {**tables, "training": {"epochs": 1, "batch": 16}}, "", recipe.path)
        )  # the slot is as good as new
        ((task, outcome),) = pool.ended()
        assert task.name == "tpe-0-1" and outcome.kind == FINISHED and len(outcome.curve) == 1


def kill_children(parent: int, times: int) -> None:
    """Kills the training process of `parent` so many times, each a new one."""
    killed: set[int] = set()
    until = time.monotonic() + 120
    while len(killed) < times and time.monotonic() < until:
        for child in set(children(parent)) - killed:
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
                killed.add(child)
        time.sleep(0.2)


@pytest.mark.slow
def test_ctrl_c_keeps_what_has_ended(tmp_path: Path) -> None:
    file = space_file(tmp_path, SPACE.replace("epochs = 2", "epochs = 5000"))
    process = subprocess.Popen(
        [*OWLBIT, "search", str(file), "--out", "out"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 120
    while (
        not (tmp_path / "out" / "study.journal").exists()
        or b'"kind":"running"' not in (tmp_path / "out" / "study.journal").read_bytes()
    ):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    time.sleep(5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert said.splitlines()[-1] == (
        "owlbit: stopped; out keeps every finished trial: the same command goes on, and trains those again that were running"
    )


@pytest.mark.slow
def test_a_sweep_trains_every_combination_and_a_loss_that_is_no_number_does_not_stop_it(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    changes = ["training.rate=10,0.01", "training.optimiser=sgd", "training.numbers=real", "training.weight_decay=1.0"]
    options = [word for change in [*changes, "training.epochs=40"] for word in ("--set", change)]
    words = ["train", str(recipe.path), *options, "--out", str(tmp_path / "out"), "--logger", "csv"]
    done = owlbit(*words)
    assert done.code == 0, done.err
    trials, _ = read_trials(tmp_path / "out")
    assert [trial.kind for trial in trials] == [FAILED, FINISHED]
    assert "expected a finite loss, got nan" in trials[0].outcome.note
    name = "rate=0.01,optimiser=sgd,numbers=real,weight_decay=1.0,epochs=40"
    (run,) = (path for path in (tmp_path / "out").iterdir() if (path / "result.json").exists())
    assert sorted(run.name.split(",")) == sorted(name.split(","))
    assert [record.validation_accuracy for record in read_history(run / "history.json")] == pytest.approx(
        trials[1].outcome.curve, abs=1e-5
    )
    assert read_result(run).test_accuracy is None
    assert (run / "logs" / "metrics.csv").read_text().count("\n") == 41
    refused = owlbit(*words)
    assert refused.code == 2 and "expected no earlier sweep, found one" in refused.err
    again = owlbit(*words, "--resume")
    assert again.code == 0 and "grid-0: 2 of 2 trials are there already" in again.out


@pytest.mark.slow
def test_trials_that_all_fail_end_the_search(tmp_path: Path) -> None:
    file = space_file(tmp_path, SPACE.replace("trials = 2", "trials = 9").replace("[training]", '[training]\nfrom_run = "nowhere"'))
    ended = owlbit("search", str(file), "--out", str(tmp_path / "out"))
    assert ended.code == 2 and "expected trainings that end well, 5 failed; this one: " in ended.err and "nowhere" in ended.err

"""What all commands share: help, version, wrong use, exit codes, the log, Ctrl-C, a closed pipe, completion, a light start."""

from __future__ import annotations

import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import owlbit as package
from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.export.network_file import save_network
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.cli.errors import Group, when_stopped
from random_networks import random_fitting_network
from tiny_recipe import recipe_for

ROOT = Path(__file__).resolve().parents[3]
ENCODINGS = ROOT / "models" / "comparisons" / "encodings.toml"
OWLBIT = [sys.executable, "-m", "owlbit.toolchain"]


def commands_of(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words behind `owlbit`, command) of every command and group."""
    if path:
        yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands_of(each, (*path, name))


TREE = dict(commands_of(get_command(app)))
LEAVES = [path for path, command in TREE.items() if not hasattr(command, "commands")]


def test_the_tree() -> None:
    assert set(LEAVES) == {
        *(
            ("demo",),
            ("check",),
            ("train",),
            ("export",),
            ("build",),
            ("simulate",),
            ("evaluate",),
            ("verify",),
            ("report",),
            ("sense",),
        ),
        *(("zoo", "show"), ("zoo", "plot"), ("zoo", "publish")),
        *(("search",), ("compare",), ("export-bit-planes",), ("bench",), ("schema",), ("pack",), ("adopt",)),
        *(("finn", "published"), ("bitstream",)),
        *(("boards", "show"), ("boards", "draw"), ("flash",), ("listen",), ("selftest",)),
    }


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_help_of_every_command(path: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        ended = owlbit(*path, option)
        assert (ended.code, ended.err) == (0, "")
        assert f"Usage: owlbit {' '.join(path)} " in ended.out and "--verbose" in ended.out
        if path in LEAVES:
            assert f"Example: owlbit {' '.join(path)}" in " ".join(ended.out.split())


def test_help_of_all_tells_exit_codes() -> None:
    ended = owlbit("--help")
    assert ended.code == 0
    for word in (
        "--version",
        "--install-completion",
        "--show-completion",
        "--verbose",
        "Exit codes",
        *(path[0] for path in LEAVES),
    ):
        assert word in ended.out
    alone = owlbit()
    assert alone.code == 2 and alone.out.split() == ended.out.split()
    assert owlbit("finn").code == 2


def test_version() -> None:
    assert owlbit("--version").out == (f"owlbit {package.__version__}, Python {platform.python_version()}, {platform.platform()}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--fast", "no such option: --fast; see `owlbit --help`"),
        ("trian", "no such command 'trian'. Did you mean 'train'?; see `owlbit --help`"),
        ("train", "missing argument 'RECIPE'; see `owlbit train --help`"),
        ("train a.toml", "missing option '--out'; see `owlbit train --help`"),
        ("train a.toml --out b --devices 0", "invalid value for '--devices': "),
        ("train a.toml --out b --devices two", "invalid value for '--devices': "),
        ("train a.toml --out", "option '--out' requires an argument"),
        ("train a.toml --out run", "a.toml: expected a recipe, found no such file"),
        ("report a b", "got unexpected extra argument(s) (b); see `owlbit report --help`"),
        ("zoo digits", "no such command 'digits'; see `owlbit zoo --help`"),
        ("zoo show digit", 'zoo:digit: expected a network of the zoo (did you mean "digits"?), got "digit"'),
        ("zoo publish nowhere mine", "nowhere: expected a run folder, found no such folder"),
        ("zoo publish nowhere digits", "digits: expected no such folder yet; give --overwrite"),
        ("zoo plot .", ".: expected a file to write, found a folder"),
        ("compare nowhere.toml --out out", "nowhere.toml: expected a comparison, found no such file"),
        ("compare nowhere.toml --out out --jobs 0", "invalid value for '--jobs': "),
        (f"compare {ENCODINGS} --out out --only colour=blue", '--only: expected values of colour, gray, rgb, got "blue"'),
        ("export-bit-planes nowhere planes.npz", "nowhere: expected a run folder"),
        ("bench speed", "bench: expected one of all, c, figures, simulators, training, got 'speed'"),
        ("bench training --write page.md", "--write: expected with `simulators` or `c`, got 'training'"),
        ("bench --rounds 0", "invalid value for '--rounds': "),
        ("finn publishes", "no such command 'publishes'. Did you mean 'published'?; see `owlbit finn --help`"),
        ("bitstream icesugar here", "got unexpected extra argument(s) (here)"),
    ],
)
def test_wrong_use_is_one_message(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = owlbit(*words.split())
    assert ended.code == 2 and ended.out == ""
    assert ended.err.startswith("owlbit: ") and message in ended.err and ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def failing(error: BaseException) -> typer.Typer:
    """A command line whose one command `fail --keep FILE` raises `error`."""
    program = typer.Typer(cls=Group)

    @program.command()
    @when_stopped("stopped; {keep} is as it was")
    def fail(keep: Path = Path("file")) -> None:
        raise error

    @program.command()
    def other() -> None:
        pass

    return program


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OwlbitError("file: expected a, got b"), 2, "owlbit: file: expected a, got b\n"),
        (PermissionError(13, "Permission denied", "file"), 2, "owlbit: file: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "owlbit: system: No space left on device\n"),
        (ModuleNotFoundError("no", name="torch.nn"), 2, "owlbit: this command needs the Python package torch, which is not"),
        (KeyboardInterrupt(), 130, "owlbit: stopped; mine is as it was\n"),
        (ValueError("odd\nindeed"), 3, "owlbit: a defect in owlbit in toolchain/cli/errors.py, line "),
        (ModuleNotFoundError("no", name="owlbit.gone"), 3, "owlbit: a defect in owlbit in toolchain/cli/errors.py, line "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_error_is_one_message_and_an_exit_code(error: BaseException, code: int, message: str) -> None:
    result = CliRunner().invoke(failing(error), ["fail", "--keep", "mine"])
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message) and result.stderr.count("\n") == 1
    if code == 3:
        assert "please report it with what `-vv` logs" in result.stderr
    logged = CliRunner().invoke(failing(error), ["fail", "-vv"])
    assert logged.exit_code == code and f"{type(error).__name__}" in logged.stderr and "Traceback" in logged.stderr


def test_the_log_says_what_is_read_written_and_skipped(tmp_path: Path) -> None:
    save_network(random_fitting_network(np.random.default_rng(6), max_size=12), tmp_path / "network.npz")
    words = ["build", str(tmp_path / "network.npz"), "--out", str(tmp_path / "build")]
    quiet = owlbit(*words)
    assert (quiet.code, quiet.err) == (0, "")
    for logged in (owlbit("-v", *words), owlbit(*words, "--verbose")):
        assert (logged.code, logged.out) == (0, quiet.out)
        assert f"INFO owlbit.export.load_model: reading the model {tmp_path / 'network.npz'}\n" in logged.err
        assert f"INFO owlbit.export.files: wrote the folder {tmp_path / 'build'}\n" in logged.err
        assert "DEBUG" not in logged.err and not any(line.startswith("owlbit: ") for line in logged.err.splitlines())
    detailed = owlbit(*words, "-vv")
    assert f"DEBUG owlbit.export.files: wrote {tmp_path}" in detailed.err
    assert owlbit(*words) == quiet  # the log ends with its command
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    Image.new("RGB", (12, 12), "orange").save(tmp_path / "pictures" / "a.png")
    skipped = owlbit("-v", "simulate", str(tmp_path / "network.npz"), "--images", str(tmp_path / "pictures"))
    assert skipped.code == 0 and f"{tmp_path / 'pictures'}: passed over 1 file that is no picture: notes.txt" in skipped.err


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*OWLBIT, "zoo"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("zo", {"zoo"}),
        ("zoo sh", {"show"}),
        ("zoo show digits_", {"digits_half", "digits_uniform"}),
        ("compare --jo", {"--jobs"}),
        ("bench tr", {"training"}),
    ],
)
def test_the_shell_completes(typed: str, offered: set[str]) -> None:
    words = f"owlbit {typed}"
    environment = {
        **os.environ,
        "_OWLBIT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(OWLBIT, env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


def test_the_script_of_completion_is_shown() -> None:
    # The shell is found among the processes above: `exit` keeps bash from being replaced by the command.
    line = f"{shlex.join([*OWLBIT, '--show-completion'])}; exit $?"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "_OWLBIT_COMPLETE=complete_bash" in done.stdout and "owlbit" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom owlbit.toolchain.cli.app import app\n"
        f"for path in {[[], *map(list, TREE)]}:\n    assert CliRunner().invoke(app, [*path, '--help']).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['--version']).exit_code == 0\n"
        "print(sorted({'torch', 'numpy', 'onnx', 'matplotlib', 'sklearn', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def quoted() -> Iterator[tuple[str, str]]:
    """(file, command) of every command of owlbit in code blocks and between back quotes, in pages, cards and Makefile."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "hw").rglob("*.md"), *(ROOT / "models").rglob("*.md")]
    for path in [*pages, *(ROOT / "docker").rglob("*.md"), ROOT / "Makefile"]:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"`(owlbit [^`]+)`", text) + re.findall(r"^\s*(?:@\$\(BIN\)/)?(owlbit [^\n#>|]+)", text, re.MULTILINE)
        for each in found:
            yield str(path.relative_to(ROOT)), " ".join(each.split())


@pytest.mark.parametrize(("file", "text"), sorted(set(quoted())))
def test_commands_that_pages_quote_are_there(file: str, text: str) -> None:
    if not re.match(r"owlbit (?!(?:is|reads|trains)\b)[a-z-]", text):
        pytest.skip("a sentence")
    words = shlex.split(text.replace("...", ""))[1:]
    path: tuple[str, ...] = ()
    while words and (*path, words[0]) in TREE:
        path = (*path, words.pop(0))
    options = {name for parameter in [*get_command(app).params, *(TREE[path].params if path else [])] for name in parameter.opts}
    assert path or words[0] in {*options, "--help"}
    assert {word for word in words if word.startswith("--")} <= {*options, "--help"}


def test_ctrl_c_stops_a_comparison_with_all_of_its_processes(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    (tmp_path / "both.toml").write_text(
        f'title = "Both"\nrecipe = "{recipe.path.name}"\nseeds = [1, 2]\nbaseline = "plain"\n'
        "[shared.training]\nepochs = 5000\n[variants.plain]\n[variants.other.training]\nstages = 2\n"
    )
    words = ["compare", "both.toml", "--out", "out", "--runs", "runs", "--jobs", "2"]
    earlier = signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job, and what it starts, ignores it
    try:
        process = subprocess.Popen([*OWLBIT, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, earlier)
    try:
        until = time.monotonic() + 120
        while len(list((tmp_path / "runs").glob("*/last.ckpt"))) < 2:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        with pytest.raises(ProcessLookupError):
            until = time.monotonic() + 30
            while time.monotonic() < until:  # multiprocessing's own helper notices a moment later
                os.killpg(process.pid, 0)
                time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        "owlbit: stopped; out keeps every finished training, and others keep their finished epochs: the same command goes on"
    )

"""Every command that takes a MODEL against every kind of MODEL: it does its work, or refuses in one sentence and writes nothing."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from owlbit.export.network import BinaryConv, Network, OrPool, Scores, Thermometer
from owlbit.export.network_file import save_network
from owlbit.export.qonnx.write import write_qonnx
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.runs.untrained_network import random_bits
from qonnx_builder import Builder

PART = "finn:xc7z020clg400-1"
HAS_FINN = importlib.util.find_spec("finn") is not None
NEEDS_FINN = pytest.mark.skipif(not HAS_FINN, reason="finn-plus is not installed; `make finn` brings it")

# What each MODEL is called in the working folder that `place` makes.
MODELS = {
    "QONNX file": "door.onnx",
    "network file": "door.npz",
    "network file of a run": "run/network.npz",
    "run": "run",
    "run, not exported": "unexported",
    "UP5K build": "up5k",
    "FINN build": "finn",
    "FINN build of 8 bits": "finn8",
    "zoo": "zoo:digits",
    "zoo, misspelt": "zoo:digit",
    "nothing": "nowhere",
    "another file": "notes.txt",
    "an empty folder": "empty",
}
COMMANDS = {
    "export": ["export", "MODEL"],
    "build": ["build", "MODEL", "--out", "OUT"],
    "simulate": ["simulate", "MODEL", "--images", "frames", "--scores", "OUT"],
    "verify": ["verify", "MODEL", "--up-to", "fast", "--images", "frames"],
    "report": ["report", "MODEL"],
    "sense": ["sense", "MODEL", "--headless", "--source", "frames", "--once", "--hold", "1", "--full-speed"],
    "build for FINN": ["build", "MODEL", "--target", PART, "--to", "step_tidy_up", "--out", "OUT"],
}

NO_RUN = "expected a run folder, which `owlbit train` makes, got {}"
NO_NETWORK = "expected an integer network, but this FINN build is of a file"
BAD = {
    "zoo, misspelt": 'did you mean "digits"?',
    "nothing": "nowhere: no such file or folder",
    "another file": "notes.txt: expected an ONNX file",
    "an empty folder": "empty: expected model.onnx or network.npz in this folder, found neither",
    "run, not exported": "unexported: this run is not exported yet",
    "FINN build of 8 bits": NO_NETWORK,
}
NOT_A_RUN = {
    **{kind: BAD[kind] for kind in ("zoo, misspelt", "nothing")},
    "QONNX file": NO_RUN.format("a QONNX file"),
    "another file": NO_RUN.format("a QONNX file"),
    "network file": NO_RUN.format("a network file"),
    "network file of a run": NO_RUN.format("a network file"),
    "UP5K build": NO_RUN.format("a UP5K build"),
    "zoo": NO_RUN.format("a network of the zoo"),
    "an empty folder": NO_RUN.format("a folder of other files"),
}
FINN_BUILD = {kind: NO_RUN.format("a FINN build") for kind in ("FINN build", "FINN build of 8 bits")}
# What a command refuses and in which words; every MODEL that is not in its row it takes.
REFUSED = {
    "export": NOT_A_RUN | FINN_BUILD,
    "build": BAD,
    "simulate": BAD,
    "verify": {kind: words for kind, words in BAD.items() if kind != "FINN build of 8 bits"},
    "report": NOT_A_RUN | {"run, not exported": BAD["run, not exported"]},
    "sense": BAD,
    "build for FINN": {kind: words for kind, words in BAD.items() if kind != "FINN build of 8 bits"},
}
CELLS = [
    pytest.param(command, kind, marks=NEEDS_FINN if "FINN" in command + kind else (), id=f"{command}, {kind}")
    for command in COMMANDS
    for kind in MODELS
]


def owlbit(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def small_network() -> Network:
    """Of a size and of layers that both the UP5K and FINN take."""
    draw = np.random.default_rng(6)
    layers = (
        Thermometer(np.array([[30, 80, 130, 180]], np.int32)),
        BinaryConv(random_bits(draw, 8, 4, 3, 3), draw.integers(14, 22, 8, dtype=np.int32), padding=(1, 1, 1, 1)),
        OrPool(),
        Scores(random_bits(draw, 3, 8 * 4 * 4)),
    )
    return Network((1, 8, 8), layers, ("open", "ajar", "closed"), "door")


def eight_bits(path: Path) -> Path:
    """A QONNX file that is no `Network`, since its first layer reads 8-bit pixels."""
    b = Builder(3)
    pixels = b.add("Quant", "x", 1.0, 0.0, 8.0, signed=0, narrow=0, rounding_mode="ROUND")
    sums = b.add("Conv", pixels, b.weights(8, 1, 3, 3), kernel_shape=[3, 3])
    bits = b.add("BipolarQuant", b.norm(sums, 8, np.abs(b.rng.normal(size=8)) + 0.1), 1.0)
    return b.save(path, b.head(bits, 8 * 6 * 6, 4), (1, 1, 8, 8))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, one_training: Path) -> Iterator[Path]:
    """A working folder with every MODEL of the table, the two FINN builds only where FINN is there."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        network = small_network()
        write_qonnx(network, Path("door.onnx"))
        save_network(network, Path("door.npz"))
        for name in ("run", "unexported"):
            shutil.copytree(one_training / "run", name)
        export_run("run")
        assert owlbit("build", "door.npz", "--out", "up5k").exit_code == 0
        if HAS_FINN:
            eight_bits(Path("eight.onnx"))
            for model, out in (("door.onnx", "finn"), ("eight.onnx", "finn8")):
                built = owlbit("build", model, "--target", PART, "--fps", "100", "--input-range", "uint8", "--out", out)
                assert built.exit_code == 0, built.output
        Path("notes.txt").write_text("not a model")
        Path("empty").mkdir()
        Path("frames").mkdir()
        for index in range(2):
            Image.fromarray(np.random.default_rng(index).integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(f"frames/{index}.png")
        yield folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*") if "sources" not in path.parts}


def assert_refused(place: Path, words: list[str], message: str) -> None:
    """Exit code 2, one sentence on the error stream, nothing written."""
    before = contents(place)
    done = owlbit(*words)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("owlbit: ") and done.stderr.count("\n") == 1, done.stderr
    assert message in done.stderr
    assert contents(place) == before


@pytest.mark.parametrize(("command", "kind"), CELLS)
def test_command_and_model(place: Path, tmp_path: Path, command: str, kind: str) -> None:
    out = tmp_path / "out"
    words = [{"MODEL": MODELS[kind], "OUT": str(out)}.get(word, word) for word in COMMANDS[command]]
    if kind in REFUSED[command]:
        assert_refused(place, words, REFUSED[command][kind])
        return
    done = owlbit(*words)
    assert done.exit_code == 0, done.output
    match command:
        case "export":
            assert (place / MODELS[kind] / "model.onnx").is_file() and (place / MODELS[kind] / "network.npz").is_file()
            if kind == "run, not exported":
                for name in ("model.onnx", "network.npz"):
                    (place / MODELS[kind] / name).unlink()
        case "report":
            assert (place / MODELS[kind] / ("report.html" if kind == "run" else "finn.html")).is_file()
        case "build":
            assert sorted(path.name for path in out.iterdir()) == ["build.json", "flash.bin", "model.onnx", "network.npz"]
        case "build for FINN":
            assert (out / "model.onnx").is_file()
        case "simulate":
            assert len(np.load(out)) == 2
        case "verify":
            assert done.stdout.count(" exact ") == {"FINN build of 8 bits": 0, "run": 3}.get(kind, 2), done.stdout
        case "sense":
            assert "2 frames" in done.stderr


@pytest.mark.parametrize("kind", ["QONNX file", "network file", "zoo"])
def test_verifying_a_file_says_what_was_not_run(place: Path, kind: str) -> None:
    before = contents(place)
    done = owlbit("verify", MODELS[kind], "--images", "frames")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if ": " in line and "│" not in line]
    assert [line.split(":")[0] for line in lines[: 7 + (kind == "zoo")]] == [
        *("reference", "torch", *(["zoo"] if kind == "zoo" else []), "qonnx", "fast", "c", "rtl", "bitstream")
    ]
    assert "torch: not run, 0.0 s (there are no trained weights here" in done.stdout
    assert "rtl: not run, 0.0 s (there is no flash image here; `owlbit build` makes one)" in done.stdout
    assert contents(place) == before


def test_verifying_the_zoo_sees_other_scores_than_it_keeps(place: Path) -> None:
    from owlbit.toolchain.runs.zoo_folder import ZOO
    from owlbit.toolchain.zoo import card

    folder = place / "kept" / "digits"
    shutil.copytree(ZOO / "digits", folder)
    assert "zoo: exact" in owlbit("verify", "zoo:digits", "--up-to", "zoo").stdout
    with np.load(folder / card.SAMPLE) as kept:
        scores, classes = kept["scores"].copy(), kept["test_classes"]
    scores[5, 3] += 2
    np.savez_compressed(folder / card.SAMPLE, scores=scores, test_classes=classes)
    done = owlbit("verify", str(folder), "--up-to", "zoo")
    assert done.exit_code == 1
    assert "1 of 640 scores differ, first at image 5, class 3" in done.stdout
    assert "zoo: not run" in owlbit("verify", str(folder), "--up-to", "zoo", "--images", "frames").stdout
    assert not list(folder.glob("verification*"))


def test_a_build_takes_the_qonnx_file_beside_the_network_file(place: Path, tmp_path: Path) -> None:
    """Not one written anew, which has other names and no class names of the exporter's."""
    assert owlbit("build", "run/network.npz", "--out", str(tmp_path / "up5k")).exit_code == 0
    assert (tmp_path / "up5k" / "model.onnx").read_bytes() == (place / "run" / "model.onnx").read_bytes()


@NEEDS_FINN
def test_images_and_the_last_backend_of_a_finn_build_of_8_bits(place: Path) -> None:
    done = owlbit("verify", "finn8", "--images", "frames")
    assert done.exit_code == 0, done.output
    rows = json.loads(Path("finn8/verification.json").read_text())
    assert [(row["backend"], row["status"], row["images"]) for row in rows] == [
        ("qonnx", "reference", 2),
        ("finn-streamlined", "exact", 2),
        ("finn-hw", "exact", 2),
    ]
    done = owlbit("verify", "finn8", "--up-to", "finn-streamlined")
    assert done.exit_code == 0, done.output
    assert [row["backend"] for row in json.loads(Path("finn8/verification.json").read_text())] == ["qonnx", "finn-streamlined"]
    assert_refused(place, ["verify", "finn8", "--up-to", "vhdl"], "backend 'vhdl': expected one of torch")


def test_a_fault_of_ours_is_not_only_called_a_bad_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader ends in its own error, whatever happens inside; the message leaves room for a defect."""
    from owlbit.export.qonnx.lowering import lower_graph

    def fail(*_: object) -> None:
        raise ValueError("a fault of owlbit")

    monkeypatch.setattr(lower_graph, "lower_conv", fail)
    done = owlbit("simulate", "zoo:digits", "--images", "frames")
    assert done.exit_code == 2 and "(ValueError: a fault of owlbit)" in done.stderr
    assert "a file that is whole and ends so shows a defect of owlbit: please report it" in done.stderr

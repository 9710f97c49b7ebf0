"""`owlbit build --target c`: what it writes and says, names, folders that are taken, and the verification of the build."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from c_programs import needs_gcc
from command_line import owlbit
from owlbit.export.network import Network
from owlbit.export.network_file import load_network, save_network
from owlbit.hw.c.names import identifier
from owlbit.hw.verification import Row, compare
from owlbit.toolchain.deploy.backends import c_backend, reference_backend
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.deploy.verify import backends_of, read_verified
from random_networks import random_images, random_network


@pytest.fixture
def network() -> Network:
    plain = random_network(np.random.default_rng(4))
    return Network(
        plain.input_shape, plain.layers, name="door bell", class_names=tuple(f'"{i}?"\\ é' for i in range(plain.classes))
    )


@pytest.fixture
def place(tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch) -> Path:
    save_network(network, tmp_path / "network.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_build_has_its_files_and_says_its_memory(place: Path, network: Network) -> None:
    ended = owlbit("build", "network.npz", "--target", "c")
    assert (ended.code, ended.err) == (0, "")
    assert "the name 'door bell' is no C identifier that can be used here: the C files take door_bell" in ended.out
    assert sorted(path.name for path in (place / "c").iterdir()) == [
        *("build.json", "door_bell.c", "door_bell.h", "model.onnx", "network.npz")
    ]
    assert load_network(place / "c" / "network.npz").same_as(network)
    facts = json.loads((place / "c" / "build.json").read_text())
    assert (facts["target"], facts["network"], facts["name"]) == ("c", "door bell", "door_bell")
    assert f"arena {facts['arena_bytes']:,} bytes" in ended.out
    header = (place / "c" / "door_bell.h").read_text()
    assert f"#define DOOR_BELL_ARENA_WORDS {facts['arena_bytes'] // 4}u" in header
    source = (place / "c" / "door_bell.c").read_text()
    assert set(re.findall(r"#include (\S+)", header + source)) == {"<stdint.h>", '"door_bell.h"'}
    assert not re.search(r"\b(malloc|calloc|free|printf|memset|memcpy)\s*\(", source)
    for index in range(len(network.layers)):
        assert f"layer {index}: " in source.lower()


def test_building_again_gives_the_same_bytes(place: Path) -> None:
    def build() -> dict[str, bytes]:
        assert owlbit("build", "network.npz", "--target", "c", "--name", "bell").code == 0
        return {path.name: path.read_bytes() for path in (place / "c").iterdir()}

    assert build() == build()


def c_row(network: Network, build: Path | None) -> Row:
    """The row of the backend c in a verification of `network`."""
    images = random_images(np.random.default_rng(1), network, 4)
    return list(compare(reference_backend(network, 4), images, [c_backend(build, network, 4)]))[1]


@needs_gcc
def test_a_build_is_verified_by_its_own_files(place: Path, network: Network) -> None:
    assert owlbit("build", "network.npz", "--target", "c", "--out", "b", "--name", "Bell").code == 0
    (backend,) = [each for each in backends_of(read_verified(find_model("b")), "c") if each.name == "c"]
    assert backend.run(random_images(np.random.default_rng(1), network, 4)).scores.shape == (4, network.classes)
    assert c_row(network, place / "b").status == "exact"
    source = place / "b" / "Bell.c"
    text = source.read_text()
    at = text.index(".inputs = ") + len(".inputs = ")
    source.write_text(f"{text[:at]}1{text[at:]}")
    assert c_row(network, place / "b").status == "differs"
    source.write_text("int x = ;\n")
    row = c_row(network, place / "b")
    assert row.status == "failed" and "error: expected expression" in row.note
    source.unlink()
    row = c_row(network, place / "b")
    assert row.status == "failed"
    assert row.note.endswith("b: expected what `owlbit build --target c` writes, found something else; build it again")


def test_without_a_compiler_it_is_not_run(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    row = c_row(network, None)
    assert (row.status, row.images) == ("not run", 0)
    assert row.note == "c: expected a C compiler, no-such-compiler, found none; `apt install gcc` brings one"


def test_a_folder_of_other_files_is_left_alone(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "door.c").write_text("int main(void) { return 0; }\n")
    ended = owlbit("build", "network.npz", "--target", "c", "--out", "mine")
    assert ended.code == 2 and "this folder holds other files (no build.json in it) and is left alone" in ended.err
    assert [path.name for path in (place / "mine").iterdir()] == ["door.c"]
    ended = owlbit("build", "network.npz", "--target", "c", "--out", "network.npz")
    assert ended.code == 2 and "expected a folder to write, found a file" in ended.err


def test_options_of_other_targets(place: Path) -> None:
    for words in (["--board", "icesugar"], ["--fps", "30"], ["--wake", "wake.toml"]):
        ended = owlbit("build", "network.npz", "--target", "c", *words)
        assert ended.code == 2 and f"{words[0]}: expected a target " in ended.err and "got 'c'" in ended.err
    ended = owlbit("build", "network.npz", "--name", "bell")
    assert ended.code == 2 and "--name: expected a target c, got 'up5k'" in ended.err


@pytest.mark.parametrize(
    ("given", "name"),
    [
        *(("digits", "digits"), ("Bell2", "Bell2"), ("7 digits", "network_7_digits"), ("a-b.c", "a_b_c"), ("Tür", "tur")),
        *(("", "network"), ("***", "network"), ("for", "network_for"), ("class", "network_class"), ("stdint", "network_stdint")),
        *(
            ("owl", "network_owl"),
            ("_x", "x"),
            ("x" * 99, "x" * 40),
            ("猫", "network"),
            ("../../etc", "etc"),
            ("layer_1", "network_layer_1"),
        ),
    ],
)
def test_names(given: str, name: str) -> None:
    assert identifier(given) == name
    assert identifier(name) == name
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_the_header_is_c_plus_plus_too(place: Path) -> None:
    assert owlbit("build", "network.npz", "--target", "c", "--out", "b", "--name", "bell").code == 0
    (place / "b" / "main.cpp").write_text(
        '#include "bell.h"\nint main() { int32_t scores[BELL_CLASSES] = {}; return static_cast<int>(bell_best(scores)); }\n'
    )
    for words in (
        ["gcc", "-c", "bell.c"],
        ["g++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "main.cpp", "bell.o", "-o", "main"],
    ):
        subprocess.run(words, cwd=place / "b", check=True)
    assert subprocess.run([place / "b" / "main"], check=False).returncode == 0

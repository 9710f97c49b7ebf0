"""`import owlbit`: light, named apart from its packages, documented by examples that run, and exact from PyTorch to integers."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import owlbit
from owlbit.models.layers.binary import BinaryConv2d, BinaryLinear, ChannelShuffle, OrPool, Sign
from owlbit.models.layers.encodings import BitPlanes
from owlbit.models.layers.logic_skip import MuxSkip
from owlbit.models.layers.thermometer import LearnedThermometer
from random_networks import random_images, random_network

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
FUNCTIONS = [name for name in owlbit.__all__ if inspect.isfunction(getattr(owlbit, name))]


def test_importing_it_is_light() -> None:
    """Nothing that is not Python's own, and the types only when they are asked for."""
    script = "import sys, owlbit; print({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'owlbit'})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "brevitas", "onnx", "rich", "typer", "matplotlib"} & set(re.findall(r"\w+", done.stdout))


def test_no_function_has_the_name_of_a_package() -> None:
    packages = {module.name for module in pkgutil.iter_modules(owlbit.__path__)}
    assert packages == {"export", "hw", "models", "toolchain"}
    assert not packages & set(owlbit.__all__)
    assert len(FUNCTIONS) == 14


@pytest.mark.parametrize("name", owlbit.__all__)
def test_everything_is_there_typed_and_described(name: str) -> None:
    thing = getattr(owlbit, name)
    assert inspect.getdoc(thing)
    if name in FUNCTIONS:
        signature = inspect.signature(thing)
        assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
        assert signature.return_annotation is not inspect.Signature.empty
        assert f"`{name}(" in GUIDE.read_text(encoding="utf-8")


def test_what_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'owlbit' has no attribute 'buidl'"):
        owlbit.buidl  # noqa: B018


def test_examples_in_docstrings() -> None:
    found = doctest.testmod(owlbit, extraglobs={"np": np, "owlbit": owlbit})
    assert found.failed == 0 and found.attempted >= 8


def test_the_guide_runs_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec", dont_inherit=True), names)
    assert "cycles per frame" in (said := capsys.readouterr().out) and 'did you mean "digits"?' in said
    assert (tmp_path / "builds" / "top_or_bottom" / "flash.bin").is_file()


class Skipped(nn.Module):
    """Every layer that exports, in a forward of its own: colours, groups, shuffle, stride, both pools, a multiplexer."""

    def __init__(self) -> None:
        super().__init__()
        self.thermometer = LearnedThermometer(3, 4, torch.randint(20, 230, (3, 4)).float().sort(1).values)
        self.first = nn.Sequential(BinaryConv2d(12, 16, 3, stride=2), nn.BatchNorm2d(16), Sign("triangular"), nn.MaxPool2d(2))
        mixed = nn.Sequential(ChannelShuffle(4), BinaryConv2d(16, 16, 3, groups=4), nn.BatchNorm2d(16), Sign())
        self.second = nn.ModuleList([mixed])
        self.skip = MuxSkip(16)
        self.third = nn.Sequential(BinaryConv2d(16, 8, 1), OrPool(2), nn.BatchNorm2d(8), Sign(), nn.Flatten())
        self.hidden = nn.Sequential(BinaryLinear(8, 12), nn.BatchNorm1d(12), Sign())
        self.scores = BinaryLinear(12, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.first(self.thermometer(images))
        joined = self.skip(self.second[0](maps), maps)
        scores: torch.Tensor = self.scores(self.hidden(self.third(joined)))
        return scores


def random_module(module: nn.Module) -> nn.Module:
    """Normalisations with slopes of both signs and statistics that spread the thresholds."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            nn.init.uniform_(layer.weight, -1, 1)
            nn.init.normal_(layer.bias)
            layer.running_mean.normal_(std=3)
            layer.running_var.uniform_(1, 30)
    return module.eval()


@torch.no_grad()
def test_exported_integers_are_the_scores_of_the_module(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = random_module(Skipped())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    network = owlbit.export_torch(net, tmp_path / "mine.onnx", input_shape=(3, 8, 8), class_names="abcde")
    assert (network.name, network.class_names) == ("mine", tuple("abcde"))
    images = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
    scores = net(images.float()).numpy()
    assert len(np.unique(scores)) > 3
    np.testing.assert_array_equal(owlbit.simulate(network, images.numpy()), scores)
    np.testing.assert_array_equal(owlbit.simulate(tmp_path / "mine.onnx", images.numpy(), level="reference"), scores)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert isinstance(net.first[0], BinaryConv2d)  # type: ignore[index]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (nn.Sequential(BitPlanes(1, 8), nn.Flatten(), BinaryLinear(8 * 64, 2)), "mine: the module"),
        (
            nn.Sequential(LearnedThermometer(1, 4), nn.Flatten(), nn.Linear(4 * 64, 2)),
            r"mine: the module is no network .*expected weights",
        ),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), "mine: the module is no network"),
    ],
    ids=["bit planes", "real weights", "no thermometer"],
)
def test_a_module_that_is_no_binary_network(tmp_path: Path, head: nn.Module, words: str) -> None:
    with pytest.raises(owlbit.OwlbitError, match=words):
        owlbit.export_torch(head, tmp_path / "mine.onnx", input_shape=(1, 8, 8))
    assert not list(tmp_path.iterdir())


def test_real_weights_are_not_exported_as_signs(tmp_path: Path) -> None:
    net = nn.Sequential(LearnedThermometer(1, 4), nn.Flatten(), BinaryLinear(4 * 64, 2))
    net[2].real = True  # type: ignore[assignment]
    with pytest.raises(owlbit.OwlbitError, match="mine: expected binary weights, got a BinaryLinear with real ones"):
        owlbit.export_torch(net, tmp_path / "mine.onnx", input_shape=(1, 8, 8))


def test_a_network_in_hand_is_a_model_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    network = random_network(rng)
    images = random_images(rng, network, 3)
    rows = owlbit.verify(network, images, up_to="fast")
    assert [(row.backend, row.status) for row in rows] == [
        *(("reference", "reference"), ("torch", "not run"), ("qonnx", "exact"), ("fast", "exact"))
    ]
    assert list(tmp_path.iterdir()) == []
    for name in ("a.onnx", "a.npz"):
        owlbit.save(network, name)
        assert owlbit.load(name).same_as(network) or name == "a.onnx"
        np.testing.assert_array_equal(owlbit.simulate(name, images), owlbit.simulate(network, images, level="reference"))
    np.save("images.npy", images)
    np.testing.assert_array_equal(owlbit.load_images("images.npy", network), images)
    np.testing.assert_array_equal(owlbit.simulate(network, "images.npy"), owlbit.simulate(network, images))
    with pytest.raises(owlbit.OwlbitError, match=r"a\.txt: expected a name that ends in \.onnx or \.npz, got \.txt"):
        owlbit.save(network, "a.txt")
    with pytest.raises(owlbit.OwlbitError, match="expected uint8 images"):
        owlbit.simulate(network, images.astype(np.float32))


def test_the_repr_of_a_network_is_one_line_per_layer() -> None:
    network = owlbit.load("zoo:cifar10_350k")
    lines = repr(network).splitlines()
    assert lines[0] == f"Network {network.name!r}: uint8 [3, 32, 32] to 10 classes"
    assert len(lines) == 1 + len(network.layers) and max(map(len, lines)) < 160
    assert "array" not in repr(network) and repr(network.layers[0]) in lines[1]

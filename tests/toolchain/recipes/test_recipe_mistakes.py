"""Every mistake in a recipe, in one table: each ends in one sentence with file, key, expected and got."""

from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.recipes.recipe import load_recipe

GOOD = """
name = "small"
[data]
source = "npz"
path = "images.npz"
size = [12, 10]
colour = "rgb"
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 16
groups = 2
pool = 2
[[layers]]
kind = "linear"
features = 20
[training]
rate = 1
"""
IMAGES = '[data]\nsource = "npz"\npath = "images.npz"\nsize = [8, 8]\ncolour = "rgb"\n'
RESNET = '[network]\nkind = "resnet18"\nwidth = 0.0625\n'
XNOR = '[network]\nkind = "xnor"\nwidth = 0.0625\n'
LAYER = '[[layers]]\nkind = "conv"\nfilters = 4\n'
PRUNED = """
[data]
source = "none"
size = [12, 12]
classes = 5
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 32
pool = 2
[[layers]]
kind = "conv"
filters = 64
groups = 4
shuffle = true
pool = 2
[training]
epochs = 8
[pruning]
"""
TEACHER = '[distillation]\nteacher = "float"\n'


def good(old: str, new: str) -> str:
    """A good recipe with one thing wrong."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)


MISTAKES = {
    "of tables, keys, types and limits": [
        (
            good("filters = 16", "filtres = 16"),
            r'layers\[0\]\.filtres: expected a known key \(did you mean "filters"\?\), got "filtres"',
        ),
        (good("[input]", "[inputs]"), r'inputs: expected a known key \(did you mean "input"\?\)'),
        (good("rate = 1", "zzzz = 1"), r"training\.zzzz: expected a known key \(one of epochs, batch, rate"),
        (good("filters = 16", 'filters = "16"'), r'layers\[0\]\.filters: expected an integer, got the text "16"'),
        (good("filters = 16", "filters = true"), r"layers\[0\]\.filters: expected an integer, got true"),
        (good("filters = 16", "filters = 0"), r"layers\[0\]\.filters: expected 1 to 65536, got 0"),
        (good("filters = 16\n", ""), r"layers\[0\]\.filters: expected an integer, got no such key"),
        (good("groups = 2", 'skip = "and"'), r'layers\[0\]\.skip: expected one of "or", "xor", "mux", got the text "and"'),
        (good("groups = 2", "skip = true"), r"layers\[0\]\.skip: expected a text, got true"),
        (
            good("groups = 2", 'skip = "or"'),
            r"layers\[0\]\.skip: expected a layer that keeps the shape of its map \(filters = 12, .*\), got 12x12x10 to 16x6x5",
        ),
        (good("groups = 2", "groups = 5"), r"layers\[0\]\.groups: expected a divisor of the 12 input channels, got 5"),
        (good("groups = 2", "groups = 3"), r"layers\[0\]\.groups: expected a divisor of the 16 filters, got 3"),
        (good("size = [12, 10]", "size = [12]"), r"data\.size: expected two integers, got the list \[12\]"),
        (good("size = [12, 10]", "size = [12, 2000]"), r"data\.size: expected 4 to 1024, got"),
        (
            good("pool = 2", "pool = 8\n[[layers]]\nkind = 'conv'\nfilters = 4\npool = 2"),
            r"layers\[1\]\.pool: expected a window that fits the 1x1",
        ),
        (good("thresholds = 4", "thresholds = 0"), r"input\.thresholds: expected 1 to 128, got 0"),
        (good("thresholds = 4", "thresholds = 4.0"), r"input\.thresholds: expected an integer, got 4\.0"),
        (good("rate = 1", "rate = 1" + "0" * 400), r"training\.rate: expected a number, got 10"),
        (
            good('source = "npz"\npath = "images.npz"', 'source = "digits"\nflip = true'),
            "data: expected only size and validation with source",
        ),
        (good("rate = 1", "rate = nan"), r"training\.rate: expected 1e-08 to 10, got nan"),
        (good('colour = "rgb"', 'colour = "grey"'), r'data\.colour: expected one of "gray", "rgb", got the text "grey"'),
        (good('colour = "rgb"', 'light = "night"'), r'data\.light: expected one of "day", "dark", "mixed", got the text "night"'),
        (good("thresholds = 4", "thresholds = 4\nwindow = 0.5"), r"input\.window: expected 1 to 64, got 0\.5"),
        (
            good("thresholds = 4", 'thresholds = 4\nencoding = "uniform"\nwindow = 2.0'),
            r'input\.window: expected no such key with encoding "uniform"',
        ),
        (good('kind = "linear"', 'kind = "dense"'), r'layers\[1\]\.kind: expected one of "conv", "linear", got'),
        (good('path = "images.npz"\n', ""), r"data\.path: expected a path"),
        (good('path = "images.npz"', 'path = "images.npz"\nclasses = 3'), r"data\.classes: expected no such key"),
        (
            good('path = "images.npz"', 'path = "a"\ntest = "b"\ntest_share = 0.2'),
            r"data\.test_share: expected no such key beside data\.test",
        ),
        (good("[input]", '[data.groups]\na = ["x"]\n[input]'), r"data\.groups: expected at least two groups, got one"),
        (
            good("[input]", '[data.groups]\na = ["x"]\nb = ["x"]\n[input]'),
            r'data\.groups: expected every class in one group at most, got "x"',
        ),
        (good("[input]", '[data.groups]\na = ["x"]\nb = "y"\n[input]'), r"data\.groups\.b: expected a list of classes, got 'y'"),
        (
            good('path = "images.npz"', 'path = "images.npz"\ngroups = 3'),
            r"data\.groups: expected a table of lists of classes, got 3",
        ),
        (good("[[layers]]", "[layers"), "expected a TOML file, got"),
        (good("[training]\nrate = 1", "training = 3"), "expected a known key|training: expected a table"),
    ],
    "a table that is missing or none": [
        ("", r"data: expected a table headed \[data\], got none"),
        ("name = 3", "name: expected a text, got 3"),
        ("[layers]", r"layers: expected a list of tables, each headed \[\[layers\]\], got a table headed \[layers\]"),
        ("training = 3", r"training: expected a table headed \[training\], got 3"),
        ("layers = [1]\n" + IMAGES + "[input]\nthresholds=2", r"layers\[0\]: expected a table headed \[\[layers\]\], got 1"),
        (IMAGES + LAYER, r"input: expected a table headed \[input\], got none"),
        (GOOD + "[[pruning]]\n", r"pruning: expected a table headed \[pruning\], got the list \[{}\]"),
        ("extends = ''\n" + GOOD, "extends: expected the path of a recipe, relative to this file, got the text"),
        ("extends = 3\n" + GOOD, "extends: expected the path of a recipe, relative to this file, got 3"),
        ("extends = 'a.toml'\n" + GOOD, 'extends: expected the path of a recipe, .* got "a.toml", where no such file is'),
        ("extends = 'recipe.toml'\n" + GOOD, 'extends: expected a recipe that does not .* got "recipe.toml", this file itself'),
        ("name = 1979-05-27", "name: expected a text, got date "),
    ],
    "of [data] and [input]": [
        (
            good('source = "npz"\npath = "images.npz"', 'source = "stl10"\ntest_share = 0.1'),
            'data.test_share: .* source "stl10", which',
        ),
        (
            good('path = "images.npz"', 'path = "images.npz"\n[data.groups]\na = []\nb = ["y"]'),
            r"data\.groups\.a: .* list of classes",
        ),
        (
            good("thresholds = 4", 'thresholds = 4\nencoding = "gray-code"'),
            r'input\.encoding: expected one of "learned", "uniform", "quantile", "bit-planes", got the text "gray-code"',
        ),
        (
            good("thresholds = 4", 'thresholds = 4\nencoding = "uniform"\nstart = "uniform"'),
            r'input\.start: expected no such key with encoding "uniform"',
        ),
        (good("thresholds = 4", "thresholds = 4\nlearned = false"), r"input\.learned: expected a known key"),
        (
            good("thresholds = 4", 'thresholds = 8\nencoding = "bit-planes"\nshared = true'),
            r'input\.shared: expected no such key with encoding "bit-planes"',
        ),
        (
            good("thresholds = 4", 'thresholds = 3\nencoding = "bit-planes"'),
            r"input\.thresholds: expected 8, the digits of a pixel",
        ),
    ],
    "of [training] and [distillation]": [
        (GOOD + "stages = 4\n", r"training\.stages: expected 1 to 3, got 4"),
        (GOOD + "epochs = 1\nstages = 2\n", r"training\.epochs: expected at least 2, one for each stage, got 1"),
        (GOOD + "weight_decay = 0.1\n", r"training\.weight_decay: expected no such key without stages, real numbers or weights"),
        (GOOD + 'estimator = "magic"\n', r'training\.estimator: expected one of "clipped", "triangular", got the text "magic"'),
        (GOOD + 'numbers = "real"\nstages = 2\n', r'training\.stages: expected 1 with numbers = "real"'),
        (GOOD + 'numbers = "real"\n' + TEACHER, r'distillation\.teacher: expected another run, with numbers = "real"'),
        (
            GOOD + TEACHER.replace("float", "wise") + "rate = 0.1\n",
            r'distillation\.rate: expected no such key unless teacher is "float"',
        ),
        (GOOD + "[distillation]\nweight = 0.5\n", r"distillation\.teacher: expected a text, got no such key"),
        (GOOD + TEACHER + "weight = 2\n", r"distillation\.weight: expected 0 to 1, got 2"),
        (GOOD + TEACHER + "progressive = true\n", r"distillation\.progressive: expected no such key without stages"),
        (
            GOOD + TEACHER + "cache_logits = true\nattention = 1.0\n",
            r"distillation\.cache_logits: expected no such key with attention",
        ),
        (GOOD + TEACHER + "weight = 0.0\n", r"distillation\.weight: expected more than 0 where attention is not"),
    ],
    "of [network]": [
        ("network = 3\n" + IMAGES, r"network: expected a table headed \[network\], got 3"),
        (
            IMAGES + "[network]\n",
            r'network\.kind: expected one of "resnet18", "float-resnet18", "resnet9", "xnor", got no such key',
        ),
        (IMAGES + '[network]\nkind = "vit"\n', r"network\.kind: expected one of \"resnet18\", .* got 'vit'"),
        (IMAGES + RESNET + "gates = true\n", r"network\.gates: expected a known key .*, got \"gates\""),
        (IMAGES + RESNET + 'stem = "vgg"\n', r'network\.stem: expected one of "cifar", "imagenet", got the text "vgg"'),
        (IMAGES + RESNET + 'downsample = "none"\n', r'network\.downsample: expected one of "real", "binary", got'),
        (IMAGES + RESNET + 'scale = "max"\n', r'network\.scale: expected one of "learned", "mean", "abs-mean", "none", got'),
        (IMAGES + RESNET + "gate_reduction = -1\n", r"network\.gate_reduction: expected 0 to 64, got -1"),
        (IMAGES + RESNET.replace("0.0625", "0.3"), r"network\.width: expected a multiple of 1/64, .*, got 0\.3"),
        (IMAGES + RESNET.replace("0.0625", "0"), r"network\.width: expected 0\.015625 to 8, got 0"),
        (
            IMAGES + '[network]\nkind = "float-resnet18"\nscale = "mean"\n',
            r"network\.scale: expected a known key \(one of stem, width\)",
        ),
        (IMAGES + XNOR + "double_skip = true\n", r"network\.double_skip: expected a known key"),
        (IMAGES + RESNET + LAYER, r"layers: expected no \[\[layers\]\] beside \[network\], which says"),
        (
            IMAGES + RESNET + "[input]\nthresholds = 4\n",
            r"input: expected no \[input\] beside \[network\], which says the whole network",
        ),
        (
            IMAGES.replace("[8, 8]", "[8, 6]") + XNOR,
            r'data\.size: expected at least 8x8 with network\.kind "xnor", .*, got 8x6',
        ),
        (IMAGES + RESNET + "[pruning]\ntarget_bits = 9000\n", r"pruning: expected no such table beside \[network\]"),
    ],
    "of [pruning]": [
        (PRUNED, r"pruning: expected heavy_groups, target_bits or target_cycles, got none of them"),
        (PRUNED + "heavy_group = 1\n", r'pruning\.heavy_group: expected a known key \(did you mean "heavy_groups"\?\)'),
        (PRUNED + "heavy_groups = 1\n", r"pruning\.anneal: expected a number of epochs, with heavy_groups, got no such key"),
        (PRUNED + "heavy_groups = 1\nanneal = 8\n", r"pruning\.anneal: expected fewer than training\.epochs, which is 8, got 8"),
        (PRUNED + "heavy_groups = 4\nanneal = 2\n", r"pruning\.heavy_groups: expected fewer groups than some .* has, got 4"),
        (
            PRUNED + "heavy_groups = 3\nanneal = 2\n",
            r"pruning\.heavy_groups: expected a divisor of the 32 input channels of layers\[1\]",
        ),
        (PRUNED + "heavy_groups = 1\nanneal = 2\nsteps = 2\n", r"pruning\.steps: expected no such key without target_bits or"),
        (PRUNED + "target_bits = 9000\nanneal = 2\n", r"pruning\.anneal: expected no such key without heavy_groups, got 2"),
        (
            PRUNED + "target_bits = 9000\nheavy_depth = 2\n",
            r"pruning\.heavy_depth: expected no such key without heavy_groups, got 2",
        ),
        (
            PRUNED + "target_bits = 9000\nsteps = 5\n",
            r"pruning\.steps: expected at most 4, an epoch each in the first half .*, got 5",
        ),
        (PRUNED + "target_bits = 0\n", r"pruning\.target_bits: expected 1 to 1000000000, got 0"),
        (PRUNED + "heavy_groups = 1\nanneal = 2\nblocks = true\n", r"pruning\.blocks: expected no such key without target_bits or"),
        (
            PRUNED + "target_bits = 9000\nblocks = true\n",
            r"pruning\.blocks: expected a convolution of .* keeps the shape of its map",
        ),
        (
            PRUNED + "target_bits = 9000\nblocks = true\n[distillation]\nteacher = 'float'\nattention = 1.0\n",
            r"pruning\.blocks: expected no such key beside attention, which is matched block by block, got true",
        ),
        (PRUNED + "granularity = 8\n", r"pruning: expected heavy_groups, target_bits or target_cycles, got none of them"),
        (
            PRUNED.replace("pool = 2", "skip = 'or'", 1).replace("filters = 32", "filters = 4", 1) + "target_bits = 9000\n",
            r"pruning: expected no target beside a logic skip",
        ),
        (
            PRUNED.replace("thresholds = 4", 'thresholds = 8\nencoding = "bit-planes"') + "target_cycles = 1000\n",
            r"pruning\.target_cycles: expected no such key where the input does not deploy, got 1000",
        ),
    ],
}


@pytest.mark.parametrize(
    ("text", "message"),
    [pytest.param(*row, id=f"{group}, {index}") for group, rows in MISTAKES.items() for index, row in enumerate(rows)],
)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(OwlbitError, match=message) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_the_mistakes_are_made_in_is_good(tmp_path: Path) -> None:
    for text in (GOOD, IMAGES + RESNET, IMAGES + XNOR, PRUNED + "target_bits = 9000\n", GOOD + TEACHER):
        (tmp_path / "recipe.toml").write_text(text)
        load_recipe(tmp_path / "recipe.toml")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="found no such file"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(OwlbitError, match="found a folder"):
        load_recipe(tmp_path)

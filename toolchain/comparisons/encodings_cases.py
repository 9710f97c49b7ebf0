"""The trainings of the comparison of input encodings: their recipes, their names, and the rows that they leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from owlbit.toolchain.recipes.data import LIGHTS
from owlbit.toolchain.runs.run_folder import Result

COLOURS, THRESHOLDS, SEEDS = ("gray", "rgb"), (4, 2, 8), (0, 1, 2)


EPOCHS = 10


# What each encoding adds to the recipe, by table.
LEARNED, UNIFORM_START = 'encoding = "learned"\n', 'encoding = "learned"\nstart = "uniform"\n'


DISTILLED = '[distillation]\nteacher = "float"\nepochs = {epochs}\n'


INPUTS = {
    "learned": LEARNED,
    "learned-from-uniform": UNIFORM_START,
    "quantile": 'encoding = "quantile"\n',
    "uniform": 'encoding = "uniform"\n',
    "bit-planes": 'encoding = "bit-planes"\n',
    "learned-shared": LEARNED + "shared = true\n",
    "quantile-shared": 'encoding = "quantile"\nshared = true\n',
    "learned-narrowing": LEARNED + "window = 4.0\n",
    "learned-from-uniform-narrowing": UNIFORM_START + "window = 4.0\n",
    "learned-slow": LEARNED,
    "learned-fast": LEARNED,
    "learned-distilled": LEARNED,
    "quantile-distilled": 'encoding = "quantile"\n',
}


RATES = {"learned-slow": 1, "learned-fast": 20}  # threshold_rate where it is not 5


MAIN = ("learned", "learned-from-uniform", "quantile", "uniform", "bit-planes")


SHARED = ("learned-shared", "quantile-shared")  # with colours; fixed uniform thresholds are the same for all anyway


RECIPE = """name = "encodings"

[data]
source = "cifar10"
size = [16, 16]
colour = "{colour}"
validation = 0.1
flip = true
light = "{light}"

[input]
thresholds = {thresholds}
{input}
[[layers]]
kind = "conv"
filters = 32
pool = 2

[[layers]]
kind = "conv"
filters = 64
pool = 2

[[layers]]
kind = "conv"
filters = 128
pool = 2

[training]
epochs = {epochs}
batch = 128
rate = 0.01
threshold_rate = {threshold_rate}
estimator = "triangular"
precision = "bfloat16"
seed = {seed}
{distillation}"""


@dataclass(frozen=True)
class Case:
    """One training of the comparison."""

    light: str
    colour: str
    thresholds: int
    encoding: str
    seed: int

    @property
    def name(self) -> str:
        """What its run folder is called."""
        return f"{self.light}-{self.colour}-{self.thresholds}-{self.encoding}-{self.seed}"

    def recipe(self, epochs: int) -> str:
        """The text of its recipe."""
        return RECIPE.format(
            **asdict(self),
            epochs=epochs,
            input=INPUTS[self.encoding],
            threshold_rate=RATES.get(self.encoding, 5),
            distillation=DISTILLED.format(epochs=epochs) if self.encoding.endswith("distilled") else "",
        )


@dataclass(frozen=True)
class Row(Case):
    """A finished training, as in results.csv. Accuracies are shares 0..1; `places`: its integer thresholds, "/" between colours."""

    epochs: int
    validation: float
    test: float
    seconds: float
    places: str

    @property
    def case(self) -> Case:
        """Which training it is."""
        return self.with_encoding(self.encoding)

    def with_encoding(self, encoding: str) -> Case:
        """The case that differs from this one in no more than the encoding."""
        return Case(self.light, self.colour, self.thresholds, encoding, self.seed)


def cases() -> Iterator[Case]:
    """All combinations that make sense, seed by seed and four thresholds first; the variants of learning with four alone."""
    for seed in SEEDS:
        for thresholds in THRESHOLDS:
            for encoding in INPUTS:
                levels = (8,) if encoding == "bit-planes" else THRESHOLDS if encoding in (*MAIN, *SHARED) else (4,)
                if thresholds not in levels:
                    continue
                for light in LIGHTS:
                    for colour in COLOURS:
                        if encoding not in SHARED or colour == "rgb":
                            yield Case(light, colour, thresholds, encoding, seed)


def row_of(case: Case, epochs: int, result: Result) -> Row:
    """What a finished training of `case` adds to results.csv."""
    assert result.test_accuracy is not None
    return Row(
        **asdict(case),
        epochs=epochs,
        validation=result.validation_accuracy,
        test=result.test_accuracy,
        seconds=result.seconds,
        places="/".join(" ".join(map(str, colour)) for colour in result.thresholds),
    )

"""Whether the network of a recipe fits each target, by the compiler that would build it, and what would make it fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.c.plan import plan_network
from owlbit.hw.ecp5.folding.search import FoldingSearch
from owlbit.hw.ecp5.parts import CLOCK_MHZ, PARTS, Part, find_part
from owlbit.hw.finn.legality import FinnError
from owlbit.hw.finn.legality import check_network as check_for_finn
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram, compile_network
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS, Up5kError
from owlbit.models.layer_table import Conv, Layer, TableError, layer_shapes
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.untrained_network import Zeros, untrained_network

UP5K, FINN, ECP5, C = "up5k", "finn", "ecp5", "c"
TARGETS = (UP5K, *PARTS, FINN)
MOST_ADVICE = 3
FIGURES = {
    "cycles": "clock cycles per frame",
    "fps": "frames per second at the target's clock",
    "bytes": "of the target's memory: program, weights, thresholds and maps; of C files without the program",
    "luts": "logic cells of an FPGA",
}
SHARES = ((3, 4), (1, 2), (3, 8), (1, 4))  # of the filters, that are tried where the network is too large


@dataclass(frozen=True)
class TargetFit:
    """`target`: its name; `reason`: why the network does not fit, "" where it does; `summary`: what it costs where it fits;
    `advice`: changes to the recipe with each of which it would fit; `program`: of the up5k, where it fits; `figures`: what it costs
    as numbers, by a name of `FIGURES`, as far as the target's own cost model tells."""

    target: str
    reason: str = ""
    summary: str = ""
    advice: tuple[str, ...] = ()
    program: Up5kProgram | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether the network can be built for the target."""
        return not self.reason


def network_of(recipe: Recipe, classes: int) -> Network:
    """The network of the layer table of `recipe`, every weight zero: sizes and cycles do not depend on them."""
    return untrained_network(recipe.input_shape, recipe.input.thresholds, recipe.layers, classes, Zeros(), recipe.name)


def why_not_deployed(recipe: Recipe) -> str:
    """Why no target takes the network of `recipe`, whatever its size; "" where its bits can be built."""
    if recipe.network is not None:
        return f"the network of a paper, [network] of {type(recipe.network).__name__}, has parts in real numbers"
    if recipe.training.real:
        return 'training.numbers = "real" makes a float network, to be a teacher'
    if recipe.input.encoding == "bit-planes":
        return 'input.encoding = "bit-planes" reads the digits of pixels, which no comparator gives'
    return ""


def fit_targets(recipe: Recipe, network: Network) -> tuple[TargetFit, ...]:
    """A row per target; `network`: that of `recipe`. For none, see `why_not_deployed`."""
    return fit_up5k(recipe, network), *fit_ecp5(network, tuple(PARTS)), fit_finn(network)


def fit_target(target: str, recipe: Recipe, network: Network) -> TargetFit:
    """Whether `target` takes `network`, that of `recipe`, and what it costs there; without advice, which takes longer.

    Raises OwlbitError for an unknown target.
    """
    fit = next((fit for name, fit in _FITS.items() if target == name or target.startswith(f"{name}-")), None)
    if fit is None:
        raise OwlbitError(f'expected a target of {", ".join(_FITS)}, got "{target}"')
    return fit(target, recipe, network)


def fit_up5k(recipe: Recipe, network: Network, *, advise: bool = True) -> TargetFit:
    """Whether the iCE40 UP5K takes it: compiled as `owlbit build` compiles it."""
    try:
        program = compile_network(network)
    except Up5kError as error:
        advice = up5k_advice(recipe, network.classes) if advise else ()
        return TargetFit(UP5K, str(error).removeprefix(f"{UP5K}: "), advice=advice)
    used = max(region.start + region.words for region in program.regions)
    parts = [f"{cost(program)} by the cost model", f"program {program.regions[0].words:,} of {MEMORY_WORDS:,} words"]
    if used > program.regions[0].words:
        parts.append("with its maps in the same memory")
    cycles = program.cycles_per_frame
    figures = {"cycles": cycles, "fps": CLOCK_HZ / cycles, "bytes": 8 * sum(region.words for region in program.regions)}
    return TargetFit(UP5K, summary=", ".join(parts), program=program, figures=figures)


def fit_finn(network: Network) -> TargetFit:
    """Whether FINN has hardware for its layers; how much of a part it takes, only a build can tell."""
    try:
        check_for_finn(network)
    except FinnError as error:
        return TargetFit(FINN, str(error).removeprefix(f"{FINN}: "))
    return TargetFit(
        FINN, summary="FINN has hardware for every layer; `owlbit build RUN --target finn:PART` estimates what it takes"
    )


def fit_ecp5(network: Network, parts: Sequence[str]) -> tuple[TargetFit, ...]:
    """For each of the parts named, such as "ecp5-45f": the fastest folding that it holds, by the cost model.

    Raises OwlbitError for a part that is unknown.
    """
    found = [find_part(name) for name in parts]
    try:
        search = FoldingSearch(network)
    except OwlbitError as error:
        return tuple(TargetFit(part.name, str(error)) for part in found)
    return tuple(_fit_part(search, part) for part in found)


def _fit_part(search: FoldingSearch, part: Part) -> TargetFit:
    try:
        best = search.for_part(part)
    except OwlbitError as error:
        return TargetFit(part.name, str(error).removeprefix(f"{search.network.name}: "))
    rate = best.frames_per_second(CLOCK_MHZ)
    summary = (
        f"{best.cycles:,} cycles per frame, {rate:,.0f} frames/s at {CLOCK_MHZ:g} MHz with the fastest folding; "
        f"{best.luts:,} of {part.lut:,} LUT4 and {best.ebr} of {part.ebr} EBR by the cost model"
    )
    return TargetFit(part.name, summary=summary, figures={"cycles": best.cycles, "fps": rate, "luts": best.luts})


def fit_c(network: Network) -> TargetFit:
    """The memory that its C files take: weights, thresholds, the maps that are alive at once, and a window."""
    try:
        plan = plan_network(network)
    except OwlbitError as error:
        return TargetFit(C, str(error).removeprefix(f"{C}: "))
    maps = 4 * (plan.arena.words + plan.window_words)
    constants = plan.weight_bytes + plan.threshold_bytes
    summary = f"{constants:,} bytes of weights and thresholds, {maps:,} bytes of maps, without the program"
    return TargetFit(C, summary=summary, figures={"bytes": constants + maps})


# By the name of a target, or what it begins with before a "-", as in "ecp5-45f": (target, recipe, network) to its fit.
_FITS: dict[str, Callable[[str, Recipe, Network], TargetFit]] = {
    UP5K: lambda _, recipe, network: fit_up5k(recipe, network, advise=False),
    FINN: lambda _, __, network: fit_finn(network),
    ECP5: lambda target, _, network: fit_ecp5(network, [target])[0],
    C: lambda _, __, network: fit_c(network),
}


def cost(program: Up5kProgram) -> str:
    """Cycles and frames per second of a program, in words."""
    cycles = program.cycles_per_frame
    return f"{cycles:,} cycles per frame, {CLOCK_HZ / cycles:,.1f} frames/s at {CLOCK_HZ // 1_000_000} MHz"


def up5k_advice(recipe: Recipe, classes: int) -> tuple[str, ...]:
    """The first changes among the usual ones after which the network fits, each compiled; none where none of them helps."""
    found: list[str] = []
    kinds: set[str] = set()
    for kind, words, changed in _changes(recipe):
        if kind in kinds:
            continue  # the least change of its kind was found
        try:
            layer_shapes(changed.thermometer_shape, changed.layers)
            program = compile_network(network_of(changed, classes))
        except (TableError, Up5kError):
            continue
        kinds.add(kind)
        found.append(f"{words}: {cost(program)}")
        if len(found) == MOST_ADVICE:
            break
    return tuple(found)


def _changes(recipe: Recipe) -> Iterator[tuple[str, str, Recipe]]:
    """(kind, in words, changed recipe), the least change of each kind first."""
    layers = recipe.layers
    convs = [index for index, layer in enumerate(layers) if isinstance(layer, Conv)]
    without = tuple(replace(layer, skip="") if isinstance(layer, Conv) else layer for layer in layers)
    if without != layers:
        yield "skip", "no skip in any layer", replace(recipe, layers=without)
    for index in reversed(convs):
        layer = layers[index]
        if isinstance(layer, Conv) and layer.pool == 1:
            changed = _with(layers, index, replace(layer, pool=2))
            yield "pool", f"pool once more, pool = 2 in the {_ordinal(index)} layer", replace(recipe, layers=changed)
    for index in convs:
        layer = layers[index]
        if isinstance(layer, Conv) and layer.stride == 1 and layer.pool > 1:
            changed = _with(layers, index, replace(layer, stride=2))
            yield "pool", f"stride = 2 in the {_ordinal(index)} layer", replace(recipe, layers=changed)
    for share in SHARES:
        fewer = tuple(_fewer(layer, *share) for layer in layers)
        numbers = ", ".join(str(layer.filters if isinstance(layer, Conv) else layer.features) for layer in fewer)
        yield "filters", f"fewer filters, {numbers} in place of {_widths(layers)}", replace(recipe, layers=fewer)
    for divisor in (2, 4):
        grouped = tuple(
            replace(layer, groups=layer.groups * divisor, shuffle=True) if isinstance(layer, Conv) and number else layer
            for number, layer in enumerate(layers)
        )
        yield "groups", f"{divisor} times as many groups in each layer but the first, shuffled", replace(recipe, layers=grouped)
    for thresholds in (recipe.input.thresholds // 2, recipe.input.thresholds // 4):
        if thresholds:
            changed_input = replace(recipe.input, thresholds=thresholds)
            yield "thresholds", f"input.thresholds = {thresholds}", replace(recipe, input=changed_input)
    for part, whole in ((3, 4), (1, 2), (1, 4)):
        rows, columns = (side * part // whole for side in recipe.data.size)
        if min(rows, columns) >= 4:
            data = replace(recipe.data, size=(rows, columns))
            yield "size", f"smaller images, data.size = [{rows}, {columns}]", replace(recipe, data=data)


def _with(layers: Sequence[Layer], index: int, layer: Layer) -> tuple[Layer, ...]:
    return (*layers[:index], layer, *layers[index + 1 :])


def _fewer(layer: Layer, part: int, whole: int) -> Layer:
    if isinstance(layer, Conv):
        step = max(8, layer.groups)
        return replace(layer, filters=max(step, layer.filters * part // whole // step * step))
    return replace(layer, features=max(1, layer.features * part // whole))


def _widths(layers: Sequence[Layer]) -> str:
    return ", ".join(str(layer.filters if isinstance(layer, Conv) else layer.features) for layer in layers)


def _ordinal(index: int) -> str:
    names = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    return names[index] if index < len(names) else f"{index + 1}th"

"""NAME.c: the kernels that a network needs, its layers' tables, and the functions of NAME.h that walk them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, LogicSkip, Network, OrPool, Scores, Thermometer
from owlbit.hw.c.header import LICENCE, ONE_LINE, signature
from owlbit.hw.c.plan import WORD, Map, Plan, Step
from owlbit.hw.c.text import hexadecimal, quoted, wrapped

KERNELS = Path(__file__).with_name("kernels")
# Every kernel file with the layers that need it, in the order in which they stand in the C file.
FILES = (
    ("choices.c", ()),
    ("bits.c", ()),
    ("get.c", (BinaryConv, BinaryLinear, OrPool, LogicSkip)),
    ("thermometer.c", (Thermometer,)),
    ("count.c", ()),
    ("filters.c", (BinaryConv, BinaryLinear)),
    ("convolve.c", (BinaryConv,)),
    ("lanes.c", (BinaryConv,)),
    ("linear.c", (BinaryLinear,)),
    ("pool.c", (OrPool,)),
    ("skip.c", (LogicSkip,)),
    ("scores.c", (Scores,)),
)


def source_text(plan: Plan, name: str) -> str:
    """The whole NAME.c."""
    parts = [
        "\n".join(_opening(plan, name)),
        *_kernels(plan),
        *("\n".join(_tables(step)) for step in plan.steps),
        "\n".join(_functions(plan, name)),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _opening(plan: Plan, name: str) -> Iterator[str]:
    yield LICENCE
    yield f"/* {name}: {ONE_LINE} {name}.h says how to use it. */"
    yield f'#include "{name}.h"'
    yield ""
    yield "/* The smallest types that hold this network's bounds and colours. */"
    if plan.largest_bound:
        yield f"typedef uint{8 * plan.bound_bytes}_t owl_bound;"
    yield f"typedef {'uint16_t' if plan.network.input_shape[0] <= 2**16 else 'uint32_t'} owl_colour;"
    yield ""
    yield "/* The largest window of a convolution, and whether there is a hidden linear layer. */"
    yield f"#define OWL_WINDOW_WORDS {plan.window_words}u"
    yield f"#define OWL_HAS_LINEAR {int(any(isinstance(step.layer, BinaryLinear) for step in plan.steps))}"


def _kernels(plan: Plan) -> Iterator[str]:
    for file, layers in FILES:
        if not layers or any(isinstance(step.layer, layers) for step in plan.steps):
            yield (KERNELS / file).read_text(encoding="utf-8")


def _tables(step: Step) -> Iterator[str]:
    """The constants of one layer."""
    yield f"/* {describe(step)} */"
    match step.layer:
        case Thermometer():
            yield from _thermometer(step, step.layer)
        case BinaryConv():
            yield from _convolution(step, step.layer)
        case BinaryLinear():
            yield from _filter_tables(step, step.layer)
            yield from _struct("owl_filters", step, _filters(step, 1))
        case OrPool():
            yield from _pool(step, step.layer)
        case LogicSkip():
            yield from _skip(step, step.layer)
        case Scores():
            yield from _weights(step)
            words = step.weights.shape[1]
            sizes = {"words": words, "classes": len(step.weights), "inputs": step.layer.fan_in}
            yield from _struct("owl_scores", step, {"weights": f"layer_{step.index}_weights"} | sizes)


def describe(step: Step) -> str:
    """What a layer is, in one line."""
    shape = "x".join(str(size) for size in step.target.shape) if step.target else f"{len(step.weights)} scores"
    match step.layer:
        case Thermometer():
            what = f"thermometer of {step.layer.thresholds.shape[1]} thresholds per colour"
        case BinaryConv():
            filters, channels, rows, columns = step.layer.weights.shape
            groups = f"{step.layer.groups} groups" if step.layer.groups > 1 else "1 group"
            stride = "x".join(str(size) for size in step.layer.stride)
            padding = ", ".join(str(size) for size in step.layer.padding)
            what = f"convolution, {filters} filters of {channels}x{rows}x{columns}, {groups}, stride {stride}, padding {padding}"
            what += f"; layer {step.pool_index}: {_pool_text(step.pool)}" if step.pool else ""
        case BinaryLinear():
            what = f"linear, {len(step.weights)} features of {step.layer.fan_in}"
        case OrPool():
            what = _pool_text(step.layer)
        case LogicSkip():
            what = f"logic skip {step.layer.gate} with the output of layer {step.layer.source}"
        case _:
            what = f"scores of {step.layer.fan_in} bits" if isinstance(step.layer, Scores) else ""
    return f"Layer {step.index}: {what} -> {shape}"


def _pool_text(layer: OrPool) -> str:
    kernel, stride = ("x".join(str(size) for size in pair) for pair in (layer.kernel, layer.stride))
    return f"OR-pool {kernel}, stride {stride}"


def _struct(kind: str, step: Step, fields: Mapping[str, str | int]) -> Iterator[str]:
    yield f"static const {kind} layer_{step.index} = {{"
    yield from wrapped(_designated(fields))
    yield "};"


def _designated(fields: Mapping[str, str | int]) -> Iterator[str]:
    """Initialisers by name; numbers but for `inputs`, which is signed, are unsigned."""
    for key, value in fields.items():
        yield f".{key} = {value if isinstance(value, str) or key == 'inputs' else f'{value}u'}"


def _weights(step: Step) -> Iterator[str]:
    yield f"static const uint32_t layer_{step.index}_weights[{step.weights.size}] = {{"
    for row in step.weights:
        yield from wrapped(hexadecimal(row))
    yield "};"


def _filter_tables(step: Step, layer: BinaryConv | BinaryLinear) -> Iterator[str]:
    """Weights, bounds and runs. A filter fires where mismatches < K + 1 - threshold."""
    yield from _weights(step)
    bounds = layer.fan_in + 1 - layer.thresholds[step.filters].astype(np.int64)
    yield f"static const owl_bound layer_{step.index}_bounds[{len(bounds)}] = {{"
    yield from wrapped(f"{bound}u" for bound in bounds.tolist())
    yield "};"
    yield f"static const owl_run layer_{step.index}_runs[{len(step.runs)}] = {{"
    yield from wrapped(f"{{{start}u, {count}u}}" for start, count in step.runs)
    yield "};"


def _filters(step: Step, groups: int) -> dict[str, str | int]:
    assert step.target is not None
    return {
        **{table: f"layer_{step.index}_{table}" for table in ("weights", "bounds", "runs")},
        "filter_words": step.weights.shape[1],
        "group_filters": len(step.weights) // groups,
        "target_bits": step.target.bits,
        "target_words": step.target.words,
    }


def _convolution(step: Step, layer: BinaryConv) -> Iterator[str]:
    source, target = _maps(step)
    yield from _filter_tables(step, layer)
    fields: dict[str, str | int] = {
        "filters": f"{{{', '.join(_designated(_filters(step, layer.groups)))}}}",
        "groups": layer.groups,
        **_sizes("source", source.shape),
        "source_bits": source.bits,
        **_sizes("kernel", layer.weights.shape[1:]),
        **_sizes("stride", (0, *layer.stride)),
        "pad_top": layer.padding[0],
        "pad_left": layer.padding[1],
        **_sizes("pool", (0, *(step.pool.kernel if step.pool else (1, 1)))),
        **_sizes("pool_stride", (0, *(step.pool.stride if step.pool else (1, 1)))),
        "rows": target.shape[1],
        "columns": target.shape[2],
    }
    yield from _struct("owl_conv", step, fields)


def _sizes(what: str, shape: tuple[int, ...]) -> dict[str, int]:
    """Rows and columns of [C, rows, columns] as fields."""
    return {f"{what}_rows": shape[1], f"{what}_columns": shape[2]}


def _thermometer(step: Step, layer: Thermometer) -> Iterator[str]:
    assert step.target is not None
    levels = layer.thresholds.shape[1]
    table = [(channel // levels, int(layer.thresholds[channel // levels, channel % levels])) for channel in step.writes.tolist()]
    yield f"static const owl_level layer_0_levels[{len(table)}] = {{"
    yield from wrapped(f"{{{colour}u, {threshold}u}}" for colour, threshold in table)
    yield "};"
    target = step.target
    fields: dict[str, str | int] = {
        "levels": "layer_0_levels",
        "rows": target.shape[1],
        "columns": target.shape[2],
        "target_groups": target.groups,
        "target_bits": target.bits,
        "target_words": target.words,
        "last_bits": target.shape[0] * target.positions % WORD or WORD,
    }
    yield from _struct("owl_thermometer", step, fields)


def _pool(step: Step, layer: OrPool) -> Iterator[str]:
    source, target = _maps(step)
    fields: dict[str, str | int] = {
        "groups": target.groups,
        "bits": target.bits,
        **_sizes("source", source.shape),
        **_sizes("kernel", (0, *layer.kernel)),
        **_sizes("stride", (0, *layer.stride)),
        "rows": target.shape[1],
        "columns": target.shape[2],
        "target_words": target.words,
    }
    yield from _struct("owl_pooling", step, fields)


def _skip(step: Step, layer: LogicSkip) -> Iterator[str]:
    _, target = _maps(step)
    assert step.earlier is not None
    runs = list(_join_runs(step, layer, target))
    yield f"static const owl_join_run layer_{step.index}_runs[{len(runs)}] = {{"
    yield from wrapped(f"{{{start}u, {count}u, 0x{select:08x}u}}" for start, count, select in runs)
    yield "};"
    fields: dict[str, str | int] = {
        "gate": f"OWL_{layer.gate.upper()}",
        "runs": f"layer_{step.index}_runs",
        "earlier_bits": step.earlier.bits,
        "groups": target.groups,
        "bits": target.bits,
        "positions": target.positions,
        "target_words": target.words,
    }
    yield from _struct("owl_skip", step, fields)


def _join_runs(step: Step, layer: LogicSkip, target: Map) -> Iterator[tuple[int, int, int]]:
    """(bit in the earlier map, channels, select bits) of the channels that lie side by side in all maps, up to 32."""
    starts, takes = step.earlier_starts.tolist(), None if layer.select is None else layer.select[step.writes].tolist()
    first = 0
    for channel in range(1, len(starts) + 1):
        ends = channel == len(starts) or channel % target.bits == 0 or channel - first == WORD
        if ends or starts[channel] != starts[channel - 1] + 1:
            select = sum(bit << index for index, bit in enumerate(takes[first:channel])) if takes else 0
            yield starts[first], channel - first, select
            first = channel


def _maps(step: Step) -> tuple[Map, Map]:
    assert step.source is not None and step.target is not None
    return step.source, step.target


def _functions(plan: Plan, name: str) -> Iterator[str]:
    """The functions of the header."""
    network, big = plan.network, name.upper()
    names = ", ".join(quoted(each) for each in network.class_names)
    yield f"const char *const {name}_class_names[{big}_CLASSES] = {{{names}}};"
    yield ""
    yield "/* All layers behind the thermometer. */"
    yield f"{signature(name, 'finish')}"
    yield "{"
    shuffles = [index for index, layer in enumerate(network.layers) if isinstance(layer, ChannelShuffle)]
    for step in plan.steps[1:]:
        while shuffles and shuffles[0] < step.index:
            yield f"\n  /* Layer {shuffles.pop(0)}: channel shuffle, which is in the order of the channels above. */"
        yield from _call(step)
    yield "}"
    yield ""
    yield signature(name, "put_row")
    yield "{"
    yield f"  owl_encode(&layer_0, row, 1u, {big}_CHANNELS, y, &arena[{_place(plan.steps[0].target)}]);"
    yield "}"
    yield ""
    yield signature(name, "run_in")
    yield "{"
    yield "  uint32_t y;"
    yield f"  for (y = 0u; y < {big}_HEIGHT; ++y) {{"
    yield (
        f"    owl_encode(&layer_0, &image[y * {big}_WIDTH], {big}_HEIGHT * {big}_WIDTH, 1u, y, "
        f"&arena[{_place(plan.steps[0].target)}]);"
    )
    yield "  }"
    yield f"  {name}_finish(arena, scores);"
    yield "}"
    yield ""
    yield f"#ifndef {big}_NO_STATIC_ARENA"
    yield f"static uint32_t static_arena[{big}_ARENA_WORDS];"
    yield ""
    yield "/* Refused by the compiler where the arena is not what the header says. */"
    yield f"typedef char {name}_arena_has_its_size[(sizeof(static_arena) == {plan.arena.words * 4}u) ? 1 : -1];"
    yield ""
    yield signature(name, "arena")
    yield "{"
    yield "  return static_arena;"
    yield "}"
    yield ""
    yield signature(name, "run")
    yield "{"
    yield f"  {name}_run_in(static_arena, image, scores);"
    yield "}"
    yield "#endif"
    yield ""
    yield from _ranking(network, name)


def _place(target: Map | None) -> str:
    return f"{target.place if target else 0}u"


def _call(step: Step) -> Iterator[str]:
    source = f"&arena[{_place(step.source)}]"
    target = f"&arena[{_place(step.target)}]"
    yield ""
    yield f"  /* {describe(step)} */"
    match step.layer:
        case BinaryConv():
            yield f"  owl_convolve(&layer_{step.index}, {source}, {target});"
        case BinaryLinear():
            yield f"  owl_linear(&layer_{step.index}, {source}, {target});"
        case OrPool():
            yield f"  owl_pool(&layer_{step.index}, {source}, {target});"
        case LogicSkip():
            yield f"  owl_join(&layer_{step.index}, {source}, &arena[{_place(step.earlier)}], {target});"
        case _:
            yield f"  owl_score(&layer_{step.index}, {source}, scores);"


def _ranking(network: Network, name: str) -> Iterator[str]:
    """What ranks, and the class: the first index of the largest."""
    big = name.upper()
    kind, values = "int32_t", "scores"
    if network.score_factors is not None and network.score_offsets is not None:
        kind, values = "float", "ranked"
        for what, numbers in (("factors", network.score_factors), ("offsets", network.score_offsets)):
            yield f"static const float {what}[{big}_CLASSES] = {{"
            yield from wrapped(f"{float(number).hex()}f" for number in numbers)
            yield "};"
            yield ""
        yield signature(name, "rank")
        yield "{"
        yield "  uint32_t label;"
        yield f"  for (label = 0u; label < {big}_CLASSES; ++label) {{"
        yield "    /* Rounded to float before the sum: what is volatile is not made one operation with it. */"
        yield "    const volatile float product = (float)scores[label] * factors[label];"
        yield "    const volatile float sum = product + offsets[label];"
        yield "    ranked[label] = sum;"
        yield "  }"
        yield "}"
        yield ""
    yield signature(name, "best")
    yield "{"
    yield "  uint32_t best = 0u;"
    yield "  uint32_t label;"
    if kind == "float":
        yield f"  float ranked[{big}_CLASSES];"
        yield f"  {name}_rank(scores, ranked);"
    yield f"  for (label = 1u; label < {big}_CLASSES; ++label) {{"
    yield f"    if ({values}[label] > {values}[best]) {{"
    yield "      best = label;"
    yield "    }"
    yield "  }"
    yield "  return best;"
    yield "}"

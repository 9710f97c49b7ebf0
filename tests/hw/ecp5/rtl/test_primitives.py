"""Each primitive of the ECP5's pipelines against a few lines of numpy, all in one Verilator model, with and without pauses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.network import OrPool
from owlbit.hw import reference
from owlbit.hw.ecp5.dataflow.contents import hex_lines, tables
from owlbit.hw.ecp5.dataflow.generate import rtl_sources
from sockets import build, instance, run

Bits = NDArray[np.uint8]
RNG = np.random.default_rng(5)


@dataclass(frozen=True)
class Case:
    """A circuit in a socket: its text, what goes in and what must come out, bits [words, width]."""

    name: str
    text: str
    given: Bits
    expected: Bits
    files: dict[str, Bits] = field(default_factory=dict)


def bits(*shape: int) -> Bits:
    return RNG.integers(0, 2, shape, dtype=np.uint8)


def constant(words: Bits) -> str:
    """Words as one Verilog constant, the first one lowest."""
    return f"{words.size}'h{sum(int(bit) << place for place, bit in enumerate(words.ravel())):x}"


def fifo(width: int, depth: int, block: int) -> Case:
    given = bits(100, width)
    parameters = {"WIDTH": width, "DEPTH": depth, "BLOCK": block}
    return Case(f"fifo of {depth}", instance("owl_fifo", parameters, width, width), given, given)


def gather() -> Case:
    given = bits(60, 5)
    return Case("gather", instance("owl_gather", {"IN": 5, "RATIO": 3}, 5, 15), given, given.reshape(20, 15))


def split() -> Case:
    given = bits(20, 12)
    return Case("split", instance("owl_split", {"OUT": 3, "RATIO": 4}, 12, 3), given, given.reshape(80, 3))


def reorder(into: int, out: int) -> Case:
    order, pixels = RNG.permutation(12), bits(9, 12)
    places = constant(((order[:, None] >> np.arange(4)) & 1).astype(np.uint8))
    parameters = {"CHANNELS": 12, "IN": into, "OUT": out, "INDEX_BITS": 4, "ORDER": places}
    given, expected = pixels.reshape(-1, into), pixels[:, order].reshape(-1, out)
    return Case(f"reorder {into} to {out}", instance("owl_reorder", parameters, into, out), given, expected)


def thermometer(colours: int) -> Case:
    thresholds = np.concatenate([[0, 256, 255, 1], RNG.integers(0, 257, 5 * colours - 4)]).reshape(colours, 5)
    values = constant(((thresholds.ravel()[:, None] >> np.arange(9)) & 1).astype(np.uint8))
    pixels = np.concatenate([[0, 255], thresholds.ravel() % 256, RNG.integers(0, 256, 60)])
    pixels = pixels[: len(pixels) // colours * colours]
    parameters = {"COLOURS": colours, "LEVELS": 5, "THRESHOLDS": values}
    given = np.unpackbits(pixels.astype(np.uint8)[:, None], axis=1, bitorder="little")
    fired = (pixels.reshape(-1, colours)[:, :, None] >= thresholds).reshape(-1, 5)
    return Case(f"thermometer of {colours}", instance("owl_thermometer", parameters, 8, 5), given, fired.astype(np.uint8))


def delay(depth: int, block: int = 0) -> Case:
    """A word and what the delay gives beside it, from the first word on that has gone through."""
    given = bits(60, 6)
    text = f"""
    wire [5:0] late; wire step = s_valid && m_ready;
    reg [7:0] seen; always @(posedge clk) seen <= rst ? 0 : seen + (step && seen != 255);
    owl_delay #(.WIDTH(6), .DEPTH({depth}), .BLOCK({block})) dut (.clk(clk), .rst(rst), .enable(step), .d(s_data[5:0]), .q(late));
    assign s_ready = m_ready, m_valid = s_valid, m_data = {{122'd0, seen >= {depth} ? late : 6'd0}};"""
    expected = np.concatenate([np.zeros((depth, 6), np.uint8), given])[: len(given)]
    return Case(f"delay of {depth}", text, given, expected)


def modulo(count: int) -> Case:
    text = f"""
    owl_modulo #(.COUNT({count}), .BITS(3)) dut (.clk(clk), .rst(rst), .step(s_valid && m_ready), .count(m_data[2:0]),
      .first(m_data[3]), .last(m_data[4]));
    assign s_ready = m_ready, m_valid = s_valid, m_data[127:5] = 0;"""
    steps = np.arange(3 * count + 1) % count
    expected = np.column_stack([(steps[:, None] >> np.arange(3)) & 1, steps == 0, steps == count - 1])
    return Case(f"modulo {count}", text, bits(len(steps), 1), expected.astype(np.uint8))


def axis(before: int, size: int, after: int, kernel: int, stride: int) -> Case:
    whole = before + size + after
    text = f"""
    owl_axis #(.SIZE({whole}), .KERNEL({kernel}), .STRIDE({stride}), .BEFORE({before}), .INSIDE({size})) dut (.clk(clk), .rst(rst),
      .step(s_valid && m_ready), .last(m_data[0]), .real_here(m_data[1]), .emit(m_data[2]));
    assign s_ready = m_ready, m_valid = s_valid, m_data[127:3] = 0;"""
    at = np.arange(2 * whole + 1) % whole
    emits = (at >= kernel - 1) & ((at - kernel + 1) % stride == 0)
    expected = np.column_stack([at == whole - 1, (at >= before) & (at < before + size), emits]).astype(np.uint8)
    return Case(f"axis of {whole}, {kernel} every {stride}", text, bits(len(at), 1), expected)


def padded(maps: Bits, padding: tuple[int, int, int, int]) -> Bits:
    """[frames, H, W, C] with rows and columns of 0."""
    top, left, bottom, right = padding
    return np.pad(maps, ((0, 0), (top, bottom), (left, right), (0, 0)))


def lines(padding: tuple[int, int, int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> Case:
    """Columns where the kernel gives an output; elsewhere a column of the frame before may be seen, and is masked."""
    channels, slices, height, width, frames = 3, 2, 4, 5, 2
    maps = bits(frames, height, width, channels * slices)
    parameters = {"CHANNELS": channels, "SLICES": slices, "WIDTH": width, "HEIGHT": height, "TOP": padding[0], "LEFT": padding[1]}
    parameters |= {"BOTTOM": padding[2], "RIGHT": padding[3], "ROWS": kernel[0], "COLUMNS": kernel[1]}
    parameters |= {"STRIDE_Y": stride[0], "STRIDE_X": stride[1]}
    wide = kernel[0] * channels
    text = instance("owl_lines", dict(parameters), channels, wide, ", .m_emit(emit)").replace("m_data", "column")
    text = text.replace(".column", ".m_data")
    text = f"wire emit; wire [127:0] column;\n{text}\n assign m_data = emit ? {{column, 1'b1}} : 128'd0;"
    space = padded(maps, padding)
    expected = []
    for frame in space:
        for y in range(frame.shape[0]):
            for x in range(frame.shape[1]):
                emits = y >= kernel[0] - 1 and x >= kernel[1] - 1
                emits = emits and (y - kernel[0] + 1) % stride[0] == 0 and (x - kernel[1] + 1) % stride[1] == 0
                for place in range(slices):
                    column = frame[max(y - kernel[0] + 1, 0) : y + 1, x, place * channels : (place + 1) * channels]
                    expected.append(np.concatenate([[1], column.ravel()]) if emits else np.zeros(wide + 1))
    return Case(f"lines {padding} {kernel} {stride}", text, maps.reshape(-1, channels), np.array(expected, np.uint8))


def window(passes: int) -> Case:
    """Columns of one row of positions, all with an output but the first: each pass over a position gives its window by slices."""
    channels, slices, rows, columns, positions = 2, 3, 2, 2, 6
    stream = bits(positions, slices, rows * channels)
    emits = np.ones((positions, slices, 1), np.uint8)
    emits[0] = 0
    text = f"""
    wire valid, first, last, ends; wire [7:0] x; reg [4:0] room_cycles; wire never_full;
    always @(posedge clk) room_cycles <= rst ? 0 : room_cycles + 1;
    owl_window #(.CHANNELS({channels}), .SLICES({slices}), .SUM_SLICES({slices}), .ROWS({rows}), .COLUMNS({columns}),
      .PASSES({passes}))
      dut (.clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data[3:0]), .s_emit(s_data[4]),
      .room(room_cycles[0]), .ends(ends), .valid(valid), .first(first), .last(last), .x(x));
    owl_fifo #(.WIDTH(10), .DEPTH(200)) kept (.clk(clk), .rst(rst), .s_valid(valid), .s_ready(never_full),
      .s_data({{last, first, x}}),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[9:0]));
    assign m_data[127:10] = 0;"""
    expected = []
    for position in range(1, positions):
        for _ in range(passes):
            for place in range(slices):
                pair = stream[position - 1 : position + 1, place].reshape(2, rows, channels)  # [column, row, channel]
                expected.append([*pair.transpose(1, 0, 2).ravel(), place == 0, place == slices - 1])
    given = np.concatenate([stream, emits], axis=2).reshape(-1, rows * channels + 1)
    return Case(f"window, {passes} passes", text, given, np.array(expected, np.uint8))


def buffer(words: int, passes: int, block: int) -> Case:
    frames = bits(4, words, 5)
    text = f"""
    wire valid, first, last, ends, never_full; wire [4:0] x; reg [4:0] room_cycles;
    always @(posedge clk) room_cycles <= rst ? 0 : room_cycles + 1;
    owl_buffer #(.WIDTH(5), .WORDS({words}), .PASSES({passes}), .BLOCK({block})) dut (.clk(clk), .rst(rst), .s_valid(s_valid),
      .s_ready(s_ready), .s_data(s_data[4:0]), .room(room_cycles[0]), .ends(ends), .valid(valid), .first(first), .last(last),
      .x(x));
    owl_fifo #(.WIDTH(7), .DEPTH(200)) kept (.clk(clk), .rst(rst), .s_valid(valid), .s_ready(never_full),
      .s_data({{last, first, x}}),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[6:0]));
    assign m_data[127:7] = 0;"""
    marks = np.array([[place == 0, place == words - 1] for place in range(words)], np.uint8)
    expected = [np.concatenate([frame, marks], axis=1) for frame in frames for _ in range(passes)]
    return Case(f"buffer of {words}, {passes} passes", text, frames.reshape(-1, 5), np.concatenate(expected))


def rom(depth: int, rows: int, lut_bits: int) -> Case:
    """Words of 7 bits, of which the lowest come from blocks of 4 words by 3 bits, the highest from tables."""
    words, ram = bits(depth, 7), 7 - lut_bits
    columns, begin, late = -(-ram // 3), f"rom{depth}_{lut_bits}_", int(rows > 1)
    content = f", .CONTENT({constant(words[:, ram:])})" if lut_bits else ""
    text = f"""
    wire [6:0] q; reg [2:0] come; wire never_full;
    owl_rom #(.WIDTH(7), .DEPTH({depth}), .BLOCK_WORDS(4), .BLOCK_BITS(3), .ROWS({rows}), .COLUMNS({columns}),
      .LUT_BITS({lut_bits}), .FILE("{begin}"){content}) dut (.clk(clk), .rst(rst), .next(s_valid), .q(q));
    always @(posedge clk) come <= rst ? 0 : {{come[1:0], s_valid}};
    owl_fifo #(.WIDTH(7), .DEPTH(100)) kept (.clk(clk), .rst(rst), .s_valid(come[{1 + late}]), .s_ready(never_full), .s_data(q),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[6:0]));
    assign s_ready = 1, m_data[127:7] = 0;"""
    files = {
        f"{begin}{row * columns + column:03x}.hex": words[4 * row : 4 * row + 4, 3 * column : min(3 * column + 3, ram)]
        for row in range(rows)
        for column in range(columns)
    }
    return Case(f"rom of {depth}, {lut_bits} bits in LUTs", text, bits(50, 1), words[np.arange(50) % depth], files)


def wide_rom() -> Case:
    """Words that several parts of look-up tables share, the last one narrower."""
    words = bits(20, 100)
    literal = tables(words)
    text = f"""
    wire [99:0] q; reg [1:0] come; wire never_full;
    owl_rom #(.WIDTH(100), .DEPTH(20), .ROWS(0), .COLUMNS(0), .LUT_BITS(100), .CONTENT({literal})) dut (.clk(clk), .rst(rst),
      .next(s_valid), .q(q));
    always @(posedge clk) come <= rst ? 0 : {{come[0], s_valid}};
    owl_fifo #(.WIDTH(100), .DEPTH(100)) kept (.clk(clk), .rst(rst), .s_valid(come[1]), .s_ready(never_full), .s_data(q),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[99:0]));
    assign s_ready = 1, m_data[127:100] = 0;"""
    return Case("rom of several parts", text, bits(50, 1), words[np.arange(50) % 20])


def array(columns: int) -> Case:
    """Two lanes of two filters each, three taps of two channels; sums of two slices, and one of two initial values in turns."""
    pe, taps, channels, lanes, total = 4, 3, 2, 2, 7
    sums = 6
    x, w = bits(sums, 2, taps, lanes, channels), bits(sums, 2, pe, taps, channels)
    start = RNG.integers(0, 100, (2, pe))
    words = ((start[:, :, None] >> np.arange(total)) & 1).reshape(2, -1).astype(np.uint8)
    marks = np.tile(np.array([[1, 0], [0, 1]], np.uint8), (sums, 1))
    given = np.concatenate([x.reshape(sums * 2, -1), w.reshape(sums * 2, -1), marks], axis=1)
    begin = '.INITIAL_FILE("start_")' if columns else f".INITIAL({tables(words)})"
    text = f"""
    wire done, never_full; wire [{pe * total - 1}:0] totals;
    owl_array #(.PE({pe}), .TAPS({taps}), .CHANNELS({channels}), .LANES({lanes}), .STAGES(2), .TOTAL_BITS({total}), .FOLDS(2),
      .INITIAL_WORDS(2), .INITIAL_BITS(20), .INITIAL_COLUMNS({columns}), {begin}) dut (.clk(clk), .rst(rst),
      .valid(s_valid), .first(s_data[36]), .last(s_data[37]),
      .x(s_data[11:0]),
      .w(s_data[35:12]), .done(done), .totals(totals));
    owl_fifo #(.WIDTH({pe * total}), .DEPTH(50)) kept (.clk(clk), .rst(rst), .s_valid(done), .s_ready(never_full), .s_data(totals),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[{pe * total - 1}:0]));
    assign s_ready = 1, m_data[127:{pe * total}] = 0;"""
    differ = [[int((x[s, :, :, f // 2] != w[s, :, f]).sum()) + int(start[s % 2, f]) for f in range(pe)] for s in range(sums)]
    unpacked = (np.array(differ)[:, :, None] >> np.arange(total)) & 1
    files = {f"start_{part:03x}.hex": words[:, 20 * part : 20 * part + 20] for part in range(columns)}
    return Case(f"array, {columns} blocks", text, given, unpacked.reshape(sums, -1).astype(np.uint8), files)


def pool(kernel: tuple[int, int], stride: tuple[int, int], block: int = 0) -> Case:
    height, width, frames = 7, 6, 2
    words = 4 if block else 2  # a block RAM needs that many
    maps = bits(frames, 2 * words, height, width) & bits(frames, 2 * words, height, width)
    layer = OrPool(kernel, stride)
    expected = reference.or_pool(layer, maps).transpose(0, 2, 3, 1).reshape(-1, 2)
    sizes = {
        "WIDTH": width,
        "HEIGHT": height,
        "ROWS": kernel[0],
        "COLUMNS": kernel[1],
        "STRIDE_Y": stride[0],
        "STRIDE_X": stride[1],
    }
    given = maps.transpose(0, 2, 3, 1).reshape(-1, 2)
    if stride[0] >= kernel[0] and stride[1] >= kernel[1]:
        parameters: dict[str, object] = {"BITS": 2, "WORDS": words, "BLOCK": block, **sizes}
        return Case(f"pool {kernel} {stride} {block}", instance("owl_pool", parameters, 2, 2), given, expected)
    sides = {"CHANNELS": 2, "SLICES": 2, "TOP": 0, "LEFT": 0, "BOTTOM": 0, "RIGHT": 0}
    between = ", ".join(f".{key}({value})" for key, value in {**sides, **sizes}.items())
    text = f"""
    wire valid, ready, emit; wire [{2 * kernel[0] - 1}:0] column;
    owl_lines #({between}) lines (.clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data[1:0]), .m_valid(valid),
      .m_ready(ready), .m_data(column), .m_emit(emit));
    owl_pool_window #(.CHANNELS(2), .SLICES(2), .ROWS({kernel[0]}), .COLUMNS({kernel[1]})) dut (.clk(clk), .rst(rst),
      .s_valid(valid),
      .s_ready(ready), .s_data(column), .s_emit(emit), .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[1:0]));
    assign m_data[127:2] = 0;"""
    return Case(f"pool {kernel} {stride}", text, given, expected)


def fork_and_join(gate: int) -> Case:
    """A stream joined with itself, one side a pixel of two words later: forks and joins must wait for one another."""
    given, select = bits(40, 4), bits(8)
    text = f"""
    wire a_valid, a_ready, b_valid, b_ready, c_valid, c_ready; wire [3:0] kept; reg [1:0] dropped;
    owl_fork fork_ (.clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .a_valid(a_valid), .a_ready(a_ready),
      .b_valid(b_valid), .b_ready(b_ready));
    owl_fifo #(.WIDTH(4), .DEPTH(2)) aside (.clk(clk), .rst(rst), .s_valid(b_valid), .s_ready(b_ready), .s_data(s_data[3:0]),
      .m_valid(c_valid), .m_ready(c_ready), .m_data(kept));
    wire drop = dropped != 2; wire joins;
    always @(posedge clk) dropped <= rst ? 0 : dropped + (drop && a_valid);
    assign a_ready = drop || joins;
    owl_join #(.BITS(4), .WORDS(2), .GATE({gate}), .SELECT({constant(select)})) dut (.clk(clk), .rst(rst),
      .s_valid(a_valid && !drop),
      .s_ready(joins), .s_data(s_data[3:0]), .e_valid(c_valid), .e_ready(c_ready), .e_data(kept), .m_valid(m_valid),
      .m_ready(m_ready), .m_data(m_data[3:0]));
    assign m_data[127:4] = 0;"""
    current, earlier = given[2:], given[:-2]
    chosen = np.tile(select.reshape(2, 4), (19, 1))
    expected = (current | earlier, current ^ earlier, np.where(chosen, current, earlier))[gate]
    return Case(f"join by gate {gate}", text, given, expected.astype(np.uint8))


def scores() -> Case:
    """Six classes, three at a time, of an odd number of inputs, so that 2 * popcount - K is odd and may be negative."""
    inputs, simd, pe, frames = 15, 5, 3, 3
    maps, weights = bits(frames, inputs), bits(6, inputs)
    maps[0] = 1 - weights[2]
    words = 1 - weights.reshape(2, pe, 3, simd).transpose(0, 2, 1, 3).reshape(6, pe * simd)
    start = np.tile((-8 >> np.arange(7)) & 1, (2, pe)).astype(np.uint8)
    parameters = {"CHANNELS": simd, "SLICES": 3, "PASSES": 2, "PE": pe, "STAGES": 2, "TOTAL_BITS": 7, "ODD": 1}
    parameters_text: dict[str, object] = {
        **parameters,
        "BLOCK_BITS": pe * simd,
        "WEIGHTS": '"score_weights_"',
        "INITIAL": tables(start),
    }
    values = 2 * (maps[:, None] == weights).sum(2) - inputs
    expected = np.unpackbits(values.astype("<i2").view(np.uint8).reshape(-1, 1), axis=1, bitorder="little")
    files = {"score_weights_000.hex": words}
    return Case("scores", instance("owl_scores", parameters_text, simd, 8), maps.reshape(-1, simd), expected, files)


CASES = [
    *(fifo(7, 2, 0), fifo(7, 3, 1), fifo(7, 16, 0), gather(), split()),
    *(reorder(3, 4), reorder(12, 12), thermometer(1), thermometer(3)),
    *(delay(1), delay(2), delay(7), delay(7, 1), modulo(1), modulo(2), modulo(7)),
    *(axis(2, 3, 1, 3, 2), axis(0, 5, 0, 1, 3), axis(1, 4, 0, 2, 1)),
    *(lines((1, 1, 1, 1), (3, 3), (1, 1)), lines((2, 0, 0, 1), (2, 1), (2, 1)), lines((0, 2, 1, 0), (1, 3), (1, 2))),
    *(window(1), window(3), buffer(1, 3, 0), buffer(5, 2, 1), array(0), array(2)),
    *(rom(1, 0, 7), rom(7, 0, 7), rom(4, 1, 0), rom(3, 1, 2), rom(10, 3, 1), wide_rom()),
    *(pool((2, 2), (2, 2)), pool((2, 2), (2, 2), 1), pool((1, 3), (2, 3)), pool((1, 3), (2, 3), 1)),
    *(pool((3, 2), (1, 2)), pool((3, 3), (2, 2))),
    *(fork_and_join(0), fork_and_join(1), fork_and_join(2), scores()),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The executable, and the folder of its ROMs' files."""
    folder = tmp_path_factory.mktemp("primitives")
    for case in CASES:
        for name, words in case.files.items():
            (folder / name).write_text(hex_lines(words))
    return build(folder, rtl_sources(), [case.text for case in CASES]), folder


@pytest.mark.parametrize(("gap_seed", "reset_at"), [(0, 0), (3, 0), (4, 37)], ids=["full speed", "pauses", "reset"])
def test_primitives(model: tuple[Path, Path], gap_seed: int, reset_at: int) -> None:
    executable, folder = model
    counts = [len(case.expected) for case in CASES]
    found = run(executable, folder, [case.given for case in CASES], counts, gap_seed, reset_at, 20_000)
    for case, words in zip(CASES, found, strict=True):
        np.testing.assert_array_equal(words.data[:, : case.expected.shape[1]], case.expected, err_msg=case.name)

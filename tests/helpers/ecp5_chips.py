"""The chip of a board with an ECP5 in simulation, around a circuit of the test's own: thermometer and scores, nothing between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from owlbit.export.network import Network, Scores, Thermometer
from owlbit.export.network_file import save_network
from owlbit.hw.ecp5.boards.board import Ecp5Board, load_ecp5_board
from owlbit.hw.ecp5.boards.chip import Chip, board_chip
from owlbit.hw.up5k.chip_simulation import ChipSimulation, chip_executable
from owlbit.hw.up5k.wake_policy import ChipPolicy

CLOCK_MHZ = 40.0
BITSTREAM = b"bitstream" * 100

CIRCUIT = """module owl_dataflow (
    input  wire       clk,
    input  wire       rst,
    input  wire       s_valid,
    output wire       s_ready,
    input  wire [7:0] s_data,
    output wire       m_valid,
    input  wire       m_ready,
    output wire [7:0] m_data
);
  localparam PIXELS = {pixels}, COLOURS = {colours}, BITS = {bits}, CLASSES = {classes};
  reg [8:0] thresholds[0:COLOURS * BITS - 1];
  reg [CLASSES * BITS - 1:0] weights[0:PIXELS - 1];
  initial begin
{contents}
  end
  reg signed [15:0] scores[0:CLASSES - 1], sum;
  integer pixel, colour, sent, i, j;
  reg sending;
  wire [15:0] score = scores[sent / 2];
  assign s_ready = !sending;
  assign m_valid = sending;
  assign m_data = (sent % 2 == 1) ? score[15:8] : score[7:0];
  always @(posedge clk) begin
    if (s_valid && s_ready) begin
      for (i = 0; i < CLASSES; i = i + 1) begin
        sum = scores[i];
        for (j = 0; j < BITS; j = j + 1)
          sum = sum + (({{1'b0, s_data}} >= thresholds[colour * BITS + j]) == weights[pixel][i * BITS + j] ? 1 : -1);
        scores[i] <= sum;
      end
      colour <= (colour == COLOURS - 1) ? 0 : colour + 1;
      pixel <= (pixel == PIXELS - 1) ? 0 : pixel + 1;
      sending <= (pixel == PIXELS - 1);
    end
    if (m_valid && m_ready) begin
      sent <= (sent == 2 * CLASSES - 1) ? 0 : sent + 1;
      if (sent == 2 * CLASSES - 1) begin
        sending <= 1'b0;
        for (i = 0; i < CLASSES; i = i + 1) scores[i] <= 0;
      end
    end
    if (rst) begin
      {{pixel, colour, sent, sending}} <= 0;
      for (i = 0; i < CLASSES; i = i + 1) scores[i] <= 0;
    end
  end
endmodule
"""


def scores_network(colours: int = 3, rows: int = 5, columns: int = 6, classes: int = 4, bits: int = 2, seed: int = 1) -> Network:
    """A thermometer and scores, with random numbers."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 2, (classes, colours * bits * rows * columns)).astype(np.uint8)
    thresholds = np.sort(rng.integers(20, 240, (colours, bits)), axis=1).astype(np.int32)
    return Network((colours, rows, columns), (Thermometer(thresholds), Scores(weights)), name=f"scores {seed}")


def scores_circuit(network: Network) -> str:
    """The Verilog of module owl_dataflow for such a network."""
    thermometer, scores = network.layers
    assert isinstance(thermometer, Thermometer) and isinstance(scores, Scores)
    colours, rows, columns = network.input_shape
    bits = thermometer.thresholds.shape[1]
    weights = scores.weights.reshape(network.classes, colours, bits, rows, columns).transpose(3, 4, 1, 0, 2)
    contents = [f"    thresholds[{at}] = {value};" for at, value in enumerate(thermometer.thresholds.ravel())]
    for at, each in enumerate(weights.reshape(-1, network.classes * bits)):
        contents.append(f"    weights[{at}] = {each.size}'b{''.join(map(str, each[::-1]))};")
    return CIRCUIT.format(
        pixels=rows * columns * colours, colours=colours, bits=bits, classes=network.classes, contents="\n".join(contents)
    )


@dataclass(frozen=True)
class Ecp5Rig:
    """A board with an ECP5 and a network in its bitstream."""

    board: Ecp5Board
    network: Network
    chip: Chip
    executable: Path

    def start(self, options: Mapping[str, object] | None = None) -> ChipSimulation:
        """A chip that has not run yet. options: of the bench, over those of the board."""
        found = {"clock_khz": round(self.board.clock.pin_mhz * 1000), "core_khz": 33_333, "baud": self.board.host.baud}
        return ChipSimulation(self.executable, b"", options={**found, **(options or {})})


RIG_POLICY = ChipPolicy(2, 3, 4, 1, (2,))


def ecp5_rig(folder: Path, name: str | Path = "ulx3s", network: Network | None = None) -> Ecp5Rig:
    """The chip of a board as simulated."""
    board, found = load_ecp5_board(name), network or scores_network()
    chip = board_chip(board, found, CLOCK_MHZ, RIG_POLICY)
    return Ecp5Rig(board, found, chip, circuit_executable(folder, chip, found))


def circuit_executable(folder: Path, chip: Chip, network: Network) -> Path:
    """The bench of a chip with the circuit of `network`."""
    circuit = folder / "owl_dataflow.v"
    circuit.write_text(scores_circuit(network))
    return chip_executable([*chip.sources, circuit], [*chip.defines, "OWL_SIM"])


def ecp5_build(folder: Path, rig: Ecp5Rig) -> Path:
    """A build folder of the rig, as far as flashing and talking to the board read it; its bitstream is only bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    save_network(rig.network, folder / "network.npz")
    (folder / "network.bin").write_bytes(rig.chip.image)
    (folder / "owl_chip.bit").write_bytes(BITSTREAM)
    names = {"target": rig.board.parts[0], "circuit": "dataflow", "top": "owl_chip", "board": rig.board.given}
    facts = {**names, "sha256": {"owl_chip.bit": sha256(BITSTREAM).hexdigest()}}
    (folder / "build.json").write_text(json.dumps(facts))
    return folder

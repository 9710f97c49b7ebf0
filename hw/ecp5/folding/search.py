"""The search for a folding: a frame rate at the least LUTs, or the most frames per second that a part holds.

Exact over the legal foldings and the places of each layer's memories, by the cost model: `owlbit.hw.fold_pipeline` has the method.
The block RAMs bound the bandwidth of the weights too: a choice that reads wider words takes more of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.ecp5.folding.choices import Choice, LayerChoices, fixed_cost, joint_costs, layer_choices
from owlbit.hw.ecp5.folding.rates import Rates, load_rates
from owlbit.hw.ecp5.folding_file import Folding
from owlbit.hw.ecp5.parts import PARTS, Part
from owlbit.hw.fold_pipeline import Option, cycle_bounds, cycles_at, fastest, least_cost

# Of a part's LUTs, what a design may take: nextpnr places and routes up to this with ease, and a board's shell needs some too.
LUT_SHARE = 0.85
TOP_LUTS = 60  # between the pins and the first and last stage


@dataclass(frozen=True)
class FoldedLayer:
    """A layer's part of a folding. `luts`, `ebr`: its own by the cost model, with the stages that join it to the layer before."""

    choice: Choice
    luts: int


@dataclass(frozen=True)
class Estimate:
    """A folding and what the cost model says of it. `cycles`: per frame; `luts`: LUT sites; `ebr`: block RAMs; `dsp`: multipliers,
    of which the circuits use none; `layers`: in the order of the network; `input_cycles`: of a frame's pixel bytes."""

    folding: Folding
    cycles: int
    luts: int
    ebr: int
    layers: tuple[FoldedLayer, ...]
    input_cycles: int
    dsp: int = 0

    def frames_per_second(self, clock_mhz: float) -> float:
        """At a clock in MHz."""
        return clock_mhz * 1e6 / self.cycles

    @property
    def bottleneck(self) -> int:
        """The index in the network of what takes the most cycles: a layer with weights, or 0 for the thermometer."""
        slowest = max(self.layers, key=lambda one: one.choice.cycles)
        return 0 if self.input_cycles > slowest.choice.cycles else slowest.choice.folding.layer


class FoldingSearch:
    """All foldings of one network, ready to be searched for several rates and parts."""

    def __init__(self, network: Network, rates: Rates | None = None) -> None:
        self.network = network
        self.rates = rates or load_rates()
        self.layers: list[LayerChoices] = layer_choices(network, self.rates)
        earlier: list[LayerChoices | None] = [None, *self.layers[:-1]]
        self._joints = [joint_costs(network, before, layer, self.rates) for before, layer in zip(earlier, self.layers, strict=True)]
        # The first layer's joint depends on its own choice alone, so the search sees it as a part of that.
        self._options = [layer.options() for layer in self.layers]
        first = zip(self._options[0], self._joints[0][0], strict=True)
        self._options[0] = [Option(option.cycles, option.cost + int(joint), option.blocks) for option, joint in first]
        self.input_cycles, fixed = fixed_cost(network)
        self._fixed_luts = self.rates.luts(fixed) + TOP_LUTS

    def least_luts(self, cycles: int, ebr: int | None = None) -> Estimate | None:
        """The least LUTs within `cycles` per frame and `ebr` block RAMs (None: any number); None where there is no such folding."""
        if cycles < self.input_cycles:
            return None
        chosen = least_cost(self._options, cycles, ebr, self._joints[1:])
        return None if chosen is None else self._estimate(chosen)

    def fastest(self, part: Part, lut_share: float = LUT_SHARE) -> Estimate | None:
        """The fastest folding that the part holds, and of these the one with the least LUTs; None where it holds none."""
        most = int(lut_share * part.lut)

        def fold(cycles: int) -> Estimate | None:
            found = self.least_luts(cycles, part.ebr)
            return found if found is not None and found.luts <= most else None

        return fastest(self.bounds(), fold)

    def bounds(self) -> list[int]:
        """The cycles per frame that a folding can have, rising."""
        return sorted({max(cycles, self.input_cycles) for cycles in cycle_bounds(self._options)})

    def for_rate(self, frames_per_second: float, clock_mhz: float, part: Part) -> Estimate:
        """The least LUTs that reach a rate at a clock in MHz, in a part.

        Raises OwlbitError: for a rate that is not above zero; with the rate that is possible and the layer that bounds it, where no
        folding reaches the rate; with what is missing and the part that would do, where none that does fits.
        """
        if not frames_per_second > 0:
            raise OwlbitError(f"--fps {frames_per_second:g}: expected a rate above zero; name the frames per second to reach")
        bound = cycles_at(frames_per_second, clock_mhz * 1e6)
        found = self.least_luts(bound, part.ebr)
        if found is not None and found.luts <= LUT_SHARE * part.lut:
            return found
        what = f"--fps {frames_per_second:g} at {clock_mhz:g} MHz"
        free = self.least_luts(bound)
        if free is None:
            raise OwlbitError(f"{what}: {self._unreachable(clock_mhz)}")
        best = self.fastest(part)
        offer = "" if best is None else f"; {part.name} reaches {best.frames_per_second(clock_mhz):,.0f} frames/s"
        raise OwlbitError(f"{what}: {self._too_large(found or free, part, bound)}{offer}")

    def for_part(self, part: Part) -> Estimate:
        """The fastest folding in a part. Raises OwlbitError, with what is missing and the part that would do, where none fits."""
        found = self.fastest(part) or self.fastest(part, 1.0)
        if found is None:
            bound = self.bounds()[-1]
            smallest = self.least_luts(bound, part.ebr) or self._fewest_blocks(bound)
            raise OwlbitError(f"{self.network.name}: {self._too_large(smallest, part, bound)}; or take fewer or narrower layers")
        return found

    def _unreachable(self, clock_mhz: float) -> str:
        fewest = [
            (min(option.cycles for option in options), layer.index)
            for options, layer in zip(self._options, self.layers, strict=True)
        ]
        cycles, index = max([*fewest, (self.input_cycles, 0)], key=lambda one: one[0])
        most = clock_mhz * 1e6 / cycles
        kind = type(self.network.layers[index]).__name__
        return (
            f"expected at most {most:,.0f} frames/s, which layer {index} ({kind}) allows at its widest folding with {cycles:,} "
            "cycles per frame; ask for fewer or raise --clock"
        )

    def _too_large(self, needed: Estimate, part: Part, bound: int) -> str:
        """What `needed` takes that `part` lacks, and the smallest part that has a folding for the same bound."""
        usable = int(LUT_SHARE * part.lut)
        over = (
            [f"{needed.luts - usable:,} LUT4 too many ({needed.luts:,} of the usable {usable:,})"] if needed.luts > usable else []
        )
        over += [f"{needed.ebr - part.ebr:,} EBR too many ({needed.ebr:,} of {part.ebr:,})"] if needed.ebr > part.ebr else []
        for larger in PARTS.values():
            found = self.least_luts(bound, larger.ebr)
            if found is not None and found.luts <= LUT_SHARE * larger.lut:
                return f"expected to fit {part.name}, got {' and '.join(over)} by the cost model; {larger.name} would hold it"
        return f"expected to fit {part.name}, got {' and '.join(over)} by the cost model; no ECP5 part holds it"

    def _fewest_blocks(self, bound: int) -> Estimate:
        """The folding with the fewest block RAMs, found by halving."""
        low, high = 0, sum(max(option.blocks for option in options) for options in self._options)
        best = self.least_luts(bound, high)
        assert best is not None
        while low < high:
            middle = (low + high) // 2
            found = self.least_luts(bound, middle)
            if found is None:
                low = middle + 1
            else:
                best, high = found, middle
        return best

    def _estimate(self, chosen: list[int]) -> Estimate:
        layers = []
        for number, (layer, index) in enumerate(zip(self.layers, chosen, strict=True)):
            choice = layer.choices[index]
            joint = self._joints[number][chosen[number - 1] if number else 0, index]
            layers.append(FoldedLayer(choice, choice.luts + int(joint)))
        return Estimate(
            folding=Folding(tuple(one.choice.folding for one in layers)),
            cycles=max(self.input_cycles, *(one.choice.cycles for one in layers)),
            luts=sum(one.luts for one in layers) + self._fixed_luts,
            ebr=sum(one.choice.ebr for one in layers),
            layers=tuple(layers),
            input_cycles=self.input_cycles,
        )

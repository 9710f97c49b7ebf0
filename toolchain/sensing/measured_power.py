"""What others measured on boards with the same chip, to stand beside the estimate; none of it is a measurement of owlbit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasuredPower:
    """`watts`: mean power of the whole supply named in `what`; `source`: repository, commit and file."""

    watts: float
    what: str
    source: str


_SOM = "tinyvision-ai-inc/Vision-FPGA-SoM ee1e6c0 SoM/Data/Power (INA219, 1,000 samples; what the FPGA computed is not said)"
MEASURED = (
    MeasuredPower(6.192e-3, "Vision FPGA SoM, iCE40UP5K, whole module, no image sensor", _SOM),
    MeasuredPower(12.883e-3, "the same module with a PAJ6100 sensor at 2 frames/s", _SOM),
    MeasuredPower(17.179e-3, "the same module with a PAJ6100 sensor at 5 frames/s", _SOM),
    MeasuredPower(24.264e-3, "the same module with an HM01B0 sensor at 10 frames/s", _SOM),
    MeasuredPower(9.5e-3, "the same module with an empty design", _SOM),
    MeasuredPower(10e-3, "the same module held in reset", _SOM),
)


def measured_rows() -> list[tuple[str, str, str]]:
    """(power, what, source) as a table shows them."""
    return [(f"{1e3 * each.watts:.3g} mW", each.what, each.source) for each in MEASURED]


def measured_sentence() -> str:
    """One sentence for a summary: how the estimate compares with measured modules."""
    low, high = min(each.watts for each in MEASURED), max(each.watts for each in MEASURED)
    return f"whole modules with this chip measured by others: {1e3 * low:.3g} to {1e3 * high:.3g} mW (docs/sensing.md)"

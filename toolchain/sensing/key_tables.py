"""The tables of the settings of `owlbit sense` for the docs, made from the types that check them and from settings.toml."""

from __future__ import annotations

from dataclasses import fields

from owlbit.toolchain.recipes.key_tables import key_table
from owlbit.toolchain.sensing.energy import Constant, EnergyModel
from owlbit.toolchain.sensing.measured_power import measured_rows
from owlbit.toolchain.sensing.sensor import Sensor
from owlbit.toolchain.sensing.settings import WakeTable, default_settings


def settings_tables() -> dict[str, str]:
    """In Markdown, by the names that markers in the docs have."""
    rows = ["| constant | default | unit | from |", "|---|---|---|---|"]
    for each in fields(EnergyModel):
        constant: Constant = getattr(default_settings().energy, each.name)
        rows.append(f"| `{each.name}` | {constant.value:g} | {constant.unit} | {constant.source} |")
    measured = ["| mean power | of what | source |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in measured_rows())]
    return {
        "measured": "\n".join(measured) + "\n",
        "sensor": key_table(Sensor),
        "wake": key_table(WakeTable),
        "energy": "\n".join(rows) + "\n",
    }

"""All that is compared between a routed netlist, which is simulated, and the configuration that its bitstream is packed from."""

from __future__ import annotations

from pathlib import Path

from owlbit.hw.ecp5.netlist.check_config import check_configuration
from owlbit.hw.ecp5.netlist.check_modes import check_modes
from owlbit.hw.ecp5.netlist.check_wires import check_wires


def check_against_netlist(netlist: Path, config: Path) -> None:
    """Raises ConfigError unless the text `config` has the tables, memories, modes and wires of nextpnr's JSON `netlist`."""
    check_configuration(netlist, config)
    check_modes(netlist, config)
    check_wires(netlist, config)

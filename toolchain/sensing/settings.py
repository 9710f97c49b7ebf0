"""`settings.toml`: every constant of the sensor, the wake policy and the energy estimate, and a user's file that changes some."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.toolchain.recipes.tables import read_table
from owlbit.toolchain.sensing.energy import EnergyModel, read_energy
from owlbit.toolchain.sensing.sensor import Sensor, SensorError
from owlbit.toolchain.sensing.wake import WakePolicy

DEFAULTS = Path(__file__).with_name("settings.toml")


@dataclass(frozen=True)
class Settings:
    """What a file of settings says; `quiet`: names of classes that never wake."""

    sensor: Sensor
    policy: WakePolicy
    energy: EnergyModel
    quiet: tuple[str, ...] = ()

    def policy_for(self, network: Network) -> WakePolicy:
        """The wake policy with the classes of `network`. Raises OwlbitError for a name that it does not have."""
        unknown = [name for name in self.quiet if name not in network.class_names]
        if unknown:
            raise OwlbitError(f"wake.quiet: expected names of {', '.join(network.class_names)}, got {unknown[0]!r}")
        return replace(self.policy, quiet=tuple(network.class_names.index(name) for name in self.quiet))


@cache
def default_settings() -> Settings:
    """What `settings.toml` beside this file says."""
    return _read(DEFAULTS, None)


def load_settings(path: Path | None) -> Settings:
    """The settings in a TOML file; what it leaves out is as in `settings.toml`. Raises OwlbitError naming file and key."""
    return default_settings() if path is None else _read(path, default_settings().energy)


def _read(path: Path, energy: EnergyModel | None) -> Settings:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OwlbitError(f"{path}: expected settings as TOML, could not read them ({error})") from None
    for name, table in content.items():
        if name not in ("sensor", "wake", "energy") or not isinstance(table, dict):
            raise OwlbitError(f"{path}: expected the tables [sensor], [wake] and [energy.NAME], got {name}")
    wake = dict(content.get("wake", {}))
    quiet = wake.pop("quiet", [])
    if not isinstance(quiet, list) or not all(isinstance(name, str) for name in quiet):
        raise OwlbitError(f"{path}: wake.quiet: expected a list of class names, got {quiet!r}")
    try:
        sensor = read_table(Sensor, content.get("sensor", {}), path, "sensor")
    except SensorError as error:
        raise OwlbitError(f"{path}: sensor: {error}") from None
    policy = read_table(WakePolicy, wake, path, "wake")
    return Settings(sensor, policy, read_energy(content.get("energy", {}), path, energy), tuple(quiet))

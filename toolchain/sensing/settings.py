"""`settings.toml`: every constant of the sensor, the wake policy and the energy estimate, and a user's file that changes some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WrapValidator, model_validator

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.settings import RefusedError, checked, load_toml
from owlbit.toolchain.sensing.energy import Constant, ConstantTable, EnergyModel
from owlbit.toolchain.sensing.sensor import Sensor
from owlbit.toolchain.sensing.wake import WakePolicy, WakeRule

DEFAULTS = Path(__file__).with_name("settings.toml")


def _read_quiet(names: Any) -> Any:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RefusedError("", "a list of class names", repr(names))
    return tuple(names)


def _made(table: Any, make: Callable[[Any], Any]) -> Any:
    """What `make` returns for `table`; its OwlbitError becomes the refusal of a key of the file."""
    try:
        return make(table)
    except OwlbitError as error:
        raise RefusedError("", str(error)) from None


def _has_no_seconds(table: Any) -> Any:
    """`table` without the key of earlier versions."""
    if isinstance(table, Mapping) and "hold_off_s" in table:
        seconds = table["hold_off_s"]
        frames = round(30 * seconds) if isinstance(seconds, int | float) and 0 <= seconds < float("inf") else 60
        raise RefusedError(
            "hold_off_s",
            f"hold_off_frames in its place, which counts frames; for {seconds} s at 30 frames/s write hold_off_frames = {frames}",
            "the key of an earlier version",
        )
    return table


def _read_energy(tables: Any) -> Any:
    for name in tables if isinstance(tables, Mapping) else ():
        if name not in _CONSTANTS:
            raise RefusedError(name, f"one of {', '.join(_CONSTANTS)}", f'"{name}"')
    return tables


_CONSTANTS = tuple(each.name for each in fields(EnergyModel))


@dataclass(frozen=True)
class WakeTable(WakeRule):
    """[wake]: when the host is woken."""

    quiet: Annotated[
        tuple[str, ...], BeforeValidator(_read_quiet), Field(description="names of classes that never wake the host")
    ] = ()


class SettingsFile(BaseModel):
    """Everything that a file of settings may contain; `energy` by the names of `EnergyModel`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sensor: Annotated[Sensor, WrapValidator(_made)] = Sensor()
    wake: Annotated[WakeTable, BeforeValidator(_has_no_seconds), WrapValidator(_made)] = WakeTable()
    energy: Annotated[dict[str, ConstantTable], BeforeValidator(_read_energy)] = {}

    @model_validator(mode="before")
    @classmethod
    def _has_known_tables(cls, content: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, table in content.items():
            if name not in ("sensor", "wake", "energy") or not isinstance(table, Mapping):
                raise RefusedError("", f"expected the tables [sensor], [wake] and [energy.NAME], got {name}")
        return content


@dataclass(frozen=True)
class Settings:
    """The content of a file of settings; `quiet`: names of classes that never wake the host."""

    sensor: Sensor
    policy: WakePolicy
    energy: EnergyModel
    quiet: tuple[str, ...] = ()

    def policy_for(self, network: Network) -> WakePolicy:
        """The wake policy with the classes of `network`. Raises OwlbitError for a name that it does not have."""
        unknown = [name for name in self.quiet if name not in network.class_names]
        if unknown:
            raise OwlbitError(f"wake.quiet: expected names of {', '.join(network.class_names)}, got {unknown[0]!r}")
        quiet = tuple(network.class_names.index(name) for name in self.quiet)
        return replace(self.policy, quiet=quiet)


@cache
def default_settings() -> Settings:
    """The settings in `settings.toml`, in this folder."""
    return _read(DEFAULTS, {})


def load_settings(path: Path | None) -> Settings:
    """The settings in a TOML file; missing keys have the values of `settings.toml`. Raises OwlbitError naming file and key."""
    defaults = default_settings()
    return defaults if path is None else _read(path, {name: getattr(defaults.energy, name) for name in _CONSTANTS})


def _read(path: Path, energy: Mapping[str, Constant]) -> Settings:
    """The settings in `path`; `energy`: constants for those that it leaves out."""
    try:
        content, _ = load_toml(path)
    except (OSError, ValueError) as error:
        raise OwlbitError(f"{path}: expected settings as TOML, could not read them ({error})") from None
    file = checked(SettingsFile, content, path)
    constants = {**energy, **file.energy}
    missing = [name for name in _CONSTANTS if name not in constants]
    if missing:
        raise OwlbitError(f"{path}: expected energy.{missing[0]}, found none")
    rule = {each.name: getattr(file.wake, each.name) for each in fields(WakeRule)}
    try:
        return Settings(file.sensor, WakePolicy(**rule), EnergyModel(**constants), file.wake.quiet)
    except OwlbitError as error:
        raise OwlbitError(f"{path}: {error}") from None

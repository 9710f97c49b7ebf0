"""The tables `[[restarts]]` of a recipe: trainings that follow one another, each from the weights that the one before ended with.

    [[restarts]]                       # after the training that the rest of the recipe says
    data = { validation = 0.02 }       # what is different from it
    training = { epochs = 90, rate = 0.003 }

    [[restarts]]                       # after that one
    training = { epochs = 110, rate = 0.002, seed = 1 }

A restart begins with the learned weights and nothing else: optimiser, schedule of the rate and epochs are its own. What it does not
say is as in the training before it; its network and its classes are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from owlbit.export.settings import RefusedError
from owlbit.models.recipe_keys import key

# What says which network is trained, for which images and classes, and what cannot be said after weights are there.
_FIXED = {"data": ("source", "size", "colour", "classes", "groups"), "training": ("numbers", "from_run")}
_ELSEWHERE = ("name", "extends", "input", "layers", "network", "pruning", "restarts")


def _read_table_or_false(table: Any) -> Any:
    if table is not False and not isinstance(table, Mapping):
        raise RefusedError("", "a table, or false to leave it out", repr(table))
    return table


@dataclass(frozen=True)
class Restart:
    """A training from the weights of the one before: what is different from that one."""

    data: Annotated[
        dict[str, Any], key("keys of [data] that change, all but `source`, `size`, `colour`, `classes` and `groups`")
    ] = field(default_factory=dict)
    training: Annotated[dict[str, Any], key("keys of [training] that change, all but `numbers` and `from_run`")] = field(
        default_factory=dict
    )
    distillation: Annotated[
        Any,
        BeforeValidator(_read_table_or_false),
        WithJsonSchema({"type": "object", "description": "keys of [distillation] that change; `false` for no teacher"}),
    ] = field(default_factory=dict)


def _read_restart(table: Any) -> Any:
    if not isinstance(table, Mapping):
        return table
    for name in _ELSEWHERE:
        if name in table:
            raise RefusedError(name, "no such key in a restart, which goes on with the network of this recipe", "one")
    for name, fixed in _FIXED.items():
        for each in fixed:
            if isinstance(table.get(name), Mapping) and each in table[name]:
                wanted = "no such key in a restart, which goes on with the same network and classes"
                raise RefusedError(f"{name}.{each}", wanted, repr(table[name][each]).replace("'", '"'))
    return table


def all_epochs(tables: Mapping[str, Any], default: int) -> int:
    """Epochs of all trainings that the tables of a recipe say; `default`: of one that does not say."""
    epochs = total = tables.get("training", {}).get("epochs", default)
    for restart in tables.get("restarts", ()):
        epochs = restart.get("training", {}).get("epochs", epochs)
        total += epochs
    return int(total)


RestartTable = Annotated[Restart, BeforeValidator(_read_restart)]

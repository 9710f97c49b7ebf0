"""All that a recipe file may say, and what its tables demand of one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator

from owlbit.export.limits import TEXT_LAYERS
from owlbit.export.settings import RefusedError
from owlbit.models.layer_table import Conv, Linear, Shape, TableError, layer_shapes
from owlbit.models.paper_networks import FloatResNet18, ResNet9
from owlbit.models.recipe_keys import key
from owlbit.toolchain.recipes.data import PIXELS, DataTable, InputTable
from owlbit.toolchain.recipes.kinds import Kind, kind_of
from owlbit.toolchain.recipes.network import NetworkChoice, check_network
from owlbit.toolchain.recipes.pruning import PruningTable, check_pruning
from owlbit.toolchain.recipes.restarts import RestartTable
from owlbit.toolchain.recipes.training import DistillationTable, Training, check_distillation, check_training

LayerChoice = Annotated[
    Annotated[Conv, Kind("conv"), Tag("conv")] | Annotated[Linear, Kind("linear"), Tag("linear")], Discriminator(kind_of)
]


class RecipeFile(BaseModel):
    """A recipe of owlbit: what to train."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Annotated[str | None, key("the name of the network; left out, that of the file")] = None
    extends: Annotated[str | None, key("the recipe, relative to this file, that says what this one does not say")] = None
    data: DataTable
    input: InputTable | None = None
    layers: tuple[LayerChoice, ...] = ()  # TEXT_LAYERS at most
    network: NetworkChoice | None = None
    training: Training = Training()
    distillation: DistillationTable | None = None
    pruning: PruningTable | None = None
    restarts: tuple[RestartTable, ...] = ()

    @property
    def training_of_network(self) -> Training:
        """[training], of a float network where [network] is one by its kind."""
        return replace(self.training, numbers="real") if isinstance(self.network, FloatResNet18 | ResNet9) else self.training

    @property
    def thermometer_shape(self) -> Shape:
        """[C*T, H, W]: what the first layer reads."""
        return self.data.colours * (self.input or PIXELS).thresholds, *self.data.size

    @model_validator(mode="before")
    @classmethod
    def _has_few_layers(cls, content: Any) -> Any:
        layers = content.get("layers") if isinstance(content, Mapping) else None
        if isinstance(layers, list) and len(layers) > TEXT_LAYERS:
            raise RefusedError("layers", f"at most {TEXT_LAYERS} tables headed [[layers]]", str(len(layers)))
        return content

    @model_validator(mode="after")
    def _says_one_network(self) -> Self:
        if self.network is None:
            if self.input is None:
                raise RefusedError("input", "a table headed [input]", "none")
            return self
        for name, header in (("layers", "[[layers]]"), ("input", "[input]")):
            if name in self.model_fields_set:
                raise RefusedError(name, f"no {header} beside [network], which says the whole network from the pixels on", "one")
        if self.pruning is not None:
            raise RefusedError("pruning", "no such table beside [network]; it prunes [[layers]]", "one")
        if self.training.recu:
            raise RefusedError("training.weights", '"clipped" beside [network]; ReCU treats the filters of [[layers]]', '"recu"')
        check_network(self.network, (self.data.colours, *self.data.size))
        return self

    @model_validator(mode="after")
    def _extra_images_are_seen(self) -> Self:
        if self.data.extra is not None and self.distillation is not None and self.distillation.cache_logits:
            raise RefusedError("distillation.cache_logits", "no such key beside [data.extra], whose images are many", "true")
        return self

    @model_validator(mode="after")
    def _layers_fit(self) -> Self:
        try:
            layer_shapes(self.thermometer_shape, self.layers)
        except TableError as error:
            raise RefusedError(f"layers[{error.index}].{error.key}", str(error)) from None
        return self

    @model_validator(mode="after")
    def _training_fits(self) -> Self:
        training = self.training_of_network
        check_training(training)
        if self.distillation is not None:
            check_distillation(self.distillation, training)
        return self

    @model_validator(mode="after")
    def _pruning_fits(self) -> Self:
        if self.pruning is None:
            return self
        if self.restarts:
            raise RefusedError("restarts", "no such tables beside [pruning], after which the network is another one", "one")
        if self.pruning.blocks and self.distillation is not None and self.distillation.attention:
            raise RefusedError("pruning.blocks", "no such key beside attention, which is matched block by block", "true")
        deploys = (self.input or PIXELS).encoding != "bit-planes" and not self.training_of_network.real
        check_pruning(self.pruning, self.thermometer_shape, self.layers, self.training.epochs, deploys=deploys)
        return self

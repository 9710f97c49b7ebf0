"""What FINN's layers cannot take, and the sentences that say so."""

from __future__ import annotations

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network, OrPool
from owlbit.export.network_cost import layer_costs


class FinnError(OwlbitError):
    """The network is outside what FINN's layers can do; the message names the layer."""


def check_network(network: Network) -> None:
    """Raises FinnError for a layer that FINN has no hardware for, whatever transformations come before."""
    for row, layer in zip(layer_costs(network), network.layers, strict=True):
        if isinstance(layer, OrPool) and (layer.kernel[0] < layer.stride[0] or layer.kernel[1] < layer.stride[1]):
            raise FinnError(
                f"finn: {row.name} pools {layer.kernel[0]}x{layer.kernel[1]} every {layer.stride[0]}x{layer.stride[1]}, which "
                "leaves positions out; FINN's pool takes windows of at least the stride"
            )

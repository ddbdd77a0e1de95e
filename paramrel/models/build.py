"""What a model is put together from: the flow and the networks for a kind of data."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from paramrel.data import Dataset, Variables
from paramrel.data.fields import each, leaves
from paramrel.flows import (
    BinaryDiffusionFlow,
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    Flow,
    GaussianFlow,
    MixedFlow,
    OneShotFlow,
)
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS, Method, get_method
from paramrel.networks import Backbone, MLPBackbone, Networks, TransformerBackbone, UNetBackbone


def build_model(method: str, variables: Variables, params: ModelParams) -> FlowAutoencoder:
    """Return the untrained model of a method for data of these variables: `Dataset.variables`.

    Raises ValueError for an unknown method, for one that cannot model the data, for a backbone that
    does not take them, and for an image size that the levels do not divide.

    >>> import paramrel
    >>> digits = paramrel.load_dataset("digits")
    >>> build_model("paramrel", digits.variables, paramrel.ModelParams()).num_dimensions
    64
    """
    row = get_method(method)
    if method not in methods_for(variables):
        raise ValueError(
            f"{method} cannot model these data: a diffusion has no noise for categorical "
            f"variables; choose one of {', '.join(methods_for(variables))}"
        )
    flow = build_flow(row, variables, params)
    networks = build_networks(flow, variables, params, row)
    return FlowAutoencoder(flow, *networks, row, variables, params)


def cost_table(data: Dataset, params: ModelParams, batch: int = 8) -> pd.DataFrame:
    """Return the parameters of each method's networks and the FLOPs of its loss on an example."""
    rows = []
    for name in methods_for(data.variables):
        model = build_model(name, data.variables, params)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(data.train.x[:batch])
        parts = {"decoder": model.decoder, "encoder": model.encoder}
        sizes = {
            f"{part} parameters": sum(p.numel() for p in network.parameters()) if network else 0
            for part, network in parts.items()
        }
        rows.append({"method": name} | sizes | {"FLOPs": counter.get_total_flops() // batch})
    return pd.DataFrame(rows)


def methods_for(variables: Variables) -> list[str]:
    """Return the names of the methods that can model data: no diffusion of classes."""
    ordered = all(variable.kind != "categorical" for variable in leaves(variables))
    return [name for name, method in METHODS.items() if ordered or method.flow != "diffusion"]


def build_flow(method: Method, variables: Variables, params: ModelParams) -> Flow:
    """Return a method's flow for the kind of data; a record has a flow for each field."""
    if isinstance(variables, dict):
        return MixedFlow(each(partial(build_flow, method, params=params), variables))
    kind, levels = variables.kind, variables.levels
    if method.flow == "diffusion":
        return BinaryDiffusionFlow() if kind == "binary" else DiffusionFlow(levels)
    flow = BAYESIAN[kind](levels, params)
    return OneShotFlow(flow) if method.flow == "one_shot" else flow


def _of_classes(levels: int, params: ModelParams) -> CategoricalFlow:
    """Kβ₁ says how certain θ₁ is: params.beta_1 is that of two classes."""
    return CategoricalFlow(num_classes=levels, beta_1=2 * params.beta_1 / levels)


# The Bayesian flow of each kind of data, from its levels and the parameters.
BAYESIAN: dict[str, Callable[[int | None, ModelParams], Flow]] = {
    "binary": _of_classes,
    "categorical": _of_classes,
    "discretized": lambda levels, params: DiscretizedFlow(levels, params.sigma_1),
    "continuous": lambda _, params: GaussianFlow(params.sigma_1),
}

# Where params.backbone is "auto", the first that takes the data is the model's.
BACKBONES: dict[str, Backbone] = {
    "unet": UNetBackbone(),
    "mlp": MLPBackbone(),
    "transformer": TransformerBackbone(),
}


def build_networks(
    flow: Flow, variables: Variables, params: ModelParams, method: Method
) -> Networks:
    """Return packing, decoder and, of a code, encoder of the backbone that params ask for.

    Networks of a method of partial evidence read one more feature a variable, its accuracy. Raises
    ValueError where the backbone does not take the data.
    """
    shape = each(lambda variable: tuple(variable.shape), variables)
    able = {name: backbone for name, backbone in BACKBONES.items() if backbone.takes(shape)}
    name = next(iter(able)) if params.backbone == "auto" else params.backbone
    if name not in able:
        raise ValueError(
            f"backbone {name} does not take examples of shape {shape}; choose auto or one of "
            f"{', '.join(able)}"
        )
    more = 1 if method.evidence == "partial" else 0
    inputs = each(lambda features: features + more, flow.num_inputs)
    return able[name].networks(shape, inputs, flow.num_outputs, params, method.code != "none")

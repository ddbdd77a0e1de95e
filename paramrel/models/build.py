"""What a model is put together from: the flow and the networks for a kind of data."""

from functools import partial

import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from paramrel.data import Dataset, Variable, Variables
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
from paramrel.networks import MLP, Encoder, FlatPacking, ImagePacking, MLPEncoder, Packing, UNet


def build_model(method: str, variables: Variables, params: ModelParams) -> FlowAutoencoder:
    """Return the untrained model of a method for data of these variables: `Dataset.variables`.

    Raises ValueError for an unknown method, for one that cannot model the data, and for an image
    size that the levels do not divide.

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
    packing, decoder, encoder = build_networks(flow, variables, params, coded=row.code != "none")
    return FlowAutoencoder(flow, packing, decoder, encoder, row, variables, params)


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
    if kind in ("binary", "categorical"):
        # Kβ₁ says how certain θ₁ is: params.beta_1 is that of two classes
        flow = CategoricalFlow(num_classes=levels, beta_1=2 * params.beta_1 / levels)
    elif kind == "discretized":
        flow = DiscretizedFlow(num_bins=levels, sigma_1=params.sigma_1)
    else:
        flow = GaussianFlow(sigma_1=params.sigma_1)
    return OneShotFlow(flow) if method.flow == "one_shot" else flow


def build_networks(
    flow: Flow, variables: Variables, params: ModelParams, coded: bool
) -> tuple[Packing, nn.Module, nn.Module | None]:
    """Return packing, decoder and, if coded, encoder: convolutions for images, MLPs for the rest.

    A record is a vector of all its fields, with an image among them flattened.
    """
    of_image = isinstance(variables, Variable) and len(variables.shape) == 3
    networks = _image_networks if of_image else _flat_networks
    return networks(flow, variables, params, coded)


def _image_networks(
    flow: Flow, variable: Variable, params: ModelParams, coded: bool
) -> tuple[ImagePacking, UNet, Encoder | None]:
    packing = ImagePacking(variable.shape[0])
    inputs, outputs = packing.size(flow.num_inputs), packing.size(flow.num_outputs)
    shape = dict(
        image_size=tuple(variable.shape[1:]),
        code_dim=params.code_dim,
        channels=params.channels,
        embedding=params.embedding,
    )
    decoder = UNet(inputs, outputs, **shape, blocks=params.blocks, conditioning=params.conditioning)
    return packing, decoder, Encoder(inputs, **shape) if coded else None


def _flat_networks(
    flow: Flow, variables: Variables, params: ModelParams, coded: bool
) -> tuple[FlatPacking, MLP, MLPEncoder | None]:
    shapes = each(lambda variable: tuple(variable.shape), variables)
    packing = FlatPacking(shapes, flow.num_outputs)
    inputs, outputs = packing.size(flow.num_inputs), packing.size(flow.num_outputs)
    shape = dict(
        code_dim=params.code_dim,
        width=params.mlp_width,
        blocks=params.mlp_blocks,
        embedding=params.embedding,
    )
    decoder = MLP(inputs, outputs, **shape, conditioning=params.conditioning)
    return packing, decoder, MLPEncoder(inputs, **shape) if coded else None

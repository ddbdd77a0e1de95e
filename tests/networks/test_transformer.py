"""Transformers: tokens of sequences, records and images, and what attention is blind to."""

import math

import pytest
import torch
from torch import nn

from paramrel.data import Dataset, Variable
from paramrel.data.fields import each, leaves
from paramrel.models.bounds import nll_bound
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.networks import CONDITIONING, Transformer, TransformerBackbone, TransformerEncoder
from paramrel.networks.packing import TokenPacking, patch_side
from paramrel.networks.transformer import TokenField, heads_of, rotated, rotations
from paramrel.runs.run import load_run, save_run
from paramrel.runs.train import train_run
from paramrel.tasks.sampling import sample
from paramrel.training.config import TrainParams

B, CODE, EMBEDDING = 3, 5, 16
SMALL = ModelParams(
    backbone="transformer", mlp_width=32, mlp_blocks=2, embedding=EMBEDDING, code_dim=CODE
)
VARIABLES = {
    "sequence": Variable("categorical", (6,), 27),
    "record": {
        "age": Variable("continuous", (), None),
        "word": Variable("categorical", (4,), 5),
        "face": Variable("discretized", (2, 4, 6), 8),
        "job": Variable("categorical", (), 3),
    },
    "image": Variable("binary", (1, 12, 16), 2),
}
SHAPES = {
    name: each(lambda variable: variable.shape, variables) for name, variables in VARIABLES.items()
}


def data_of(variables, number=B, seed=0):
    """Random examples: (number, ...), of each field of a record."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(variable):
        size = (number, *variable.shape)
        if variable.kind == "continuous":
            return torch.randn(size, generator=generator).clamp(-1, 1)
        classes = torch.randint(variable.levels, size, generator=generator)
        if variable.kind == "discretized":
            return (2 * classes + 1) / variable.levels - 1
        return classes

    return each(drawn, variables)


def opened(module):
    """Give layers that start at zero the weights of a trained network."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module


def networks(shape, inputs=2, outputs=3, conditioning="adagn"):
    """Packing, decoder and encoder, of so many features in every variable of each field."""
    torch.manual_seed(0)
    params = SMALL.model_copy(update={"conditioning": conditioning})
    features = (each(lambda _, number=number: number, shape) for number in (inputs, outputs))
    return TransformerBackbone().networks(shape, *features, params, coded=True)


def arguments(shape, inputs=2):
    """Of a decoder: inputs of every variable, not packed yet, then times and a code."""
    generator = torch.Generator().manual_seed(0)
    x = each(lambda s: torch.randn(B, *s, inputs, generator=generator), shape)
    return x, torch.zeros(B), torch.randn(B, CODE, generator=generator), torch.ones(B)


@pytest.mark.parametrize("shape", [*SHAPES.values(), (), (3, 2)], ids=str)
def test_tokens_are_packed_into_a_vector_and_come_back(shape):
    features = each(lambda s: len(s) + 1, shape)
    packing = TokenPacking(shape, features)
    x = each(lambda s, m: torch.randn(B, *s, m), shape, features)
    packed = packing.pack(x)
    assert packed.shape == (B, packing.size(features))
    for before, after in zip(leaves(x), leaves(packing.unpack(packed)), strict=True):
        assert torch.equal(before, after)


def test_a_patch_of_an_image_stands_together():
    packing = TokenPacking((2, 12, 16), 3)  # patches of 2 × 2
    x = torch.randn(B, 2, 12, 16, 3)
    tokens = packing.pack(x).unflatten(1, (packing.tokens, -1))
    assert tokens.shape == (B, 6 * 8, 2 * 2 * 2 * 3)
    assert torch.equal(tokens[:, 8 * 2 + 3], x[:, :, 4:6, 6:8].flatten(1))


@pytest.mark.parametrize(
    ("size", "side"),
    [((8, 8), 1), ((28, 28), 4), ((32, 32), 4), ((64, 64), 8), ((12, 16), 2), ((17, 23), 1)],
)
def test_an_image_has_at_most_64_patches_where_it_divides(size, side):
    assert patch_side(*size) == side


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_decoder_gives_its_features_of_every_variable(shape, conditioning):
    packing, decoder, _ = networks(shape, 2, 3, conditioning)
    x, *rest = arguments(shape)
    assert not decoder(packing.pack(x), *rest).any()  # it starts at zero
    out = packing.unpack(opened(decoder)(packing.pack(x), *rest))
    for part, single in zip(leaves(out), leaves(shape), strict=True):
        assert part.shape == (B, *single, 3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_an_encoder_gives_the_mean_and_the_log_scale_of_a_code(shape):
    packing, _, encoder = networks(shape)
    x, t, *_ = arguments(shape)
    mean, log_std = encoder(packing.pack(x), t)
    assert mean.shape == log_std.shape == (B, CODE)


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_each_variable_s_output_depends_on_each_variable_and_on_times_and_code(shape, conditioning):
    packing, decoder, _ = networks(shape, conditioning=conditioning)
    given = [packing.pack(arguments(shape)[0]), *arguments(shape)[1:]]
    given = [part.requires_grad_() for part in given]
    out = opened(decoder)(*given)
    for column in (0, out.shape[1] // 2, out.shape[1] - 1):
        gradients = torch.autograd.grad(out[:, column].sum(), given, retain_graph=True)
        assert all(gradient.ne(0).all() for gradient in gradients)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_code_depends_on_each_variable_and_its_order(shape):
    packing, _, encoder = networks(shape)
    x, t, *_ = arguments(shape)
    inputs = packing.pack(x).requires_grad_()
    mean, log_std = opened(encoder)(inputs, t)
    (gradient,) = torch.autograd.grad((mean + log_std).sum(), inputs)
    assert gradient.ne(0).all()


def test_a_code_tells_a_sequence_from_its_letters_in_another_order():
    _, _, encoder = networks((6,))
    x, t, *_ = arguments((6,))
    with torch.no_grad():
        difference = encoder(x.flatten(1), t)[0] - encoder(x.flip(1).flatten(1), t)[0]
    assert difference.abs().min() > 1e-4


def swapped(parameter, axis, tokens):
    """A parameter whose entries of two tokens stand in each other's place."""
    order = torch.arange(parameter.shape[axis])
    order[tokens] = order[tokens].flip(0)
    return parameter.index_select(axis, order)


@pytest.mark.parametrize("conditioning", CONDITIONING)
def test_the_order_of_a_record_s_fields_is_nothing_but_their_layers_and_embeddings(conditioning):
    fields = [TokenField(1, 2, 3, False) for _ in range(4)]
    torch.manual_seed(0)
    one, other = (
        opened(Transformer(fields, CODE, 32, 2, EMBEDDING, conditioning)) for _ in range(2)
    )
    weights, tokens = dict(one.state_dict()), [1, 3]
    for a, b in (("1", "3"), ("3", "1")):
        for name in ("stem.layers.{}.weight", "head.layers.{}.weight", "head.layers.{}.bias"):
            weights[name.format(a)] = one.state_dict()[name.format(b)]
    weights["stem.position"] = swapped(weights["stem.position"], 0, tokens)
    for name in ("map.0.weight", "map.0.bias"):
        if (key := f"conditioning.{name}") in weights:
            by_token = weights[key].unflatten(0, (32, 4))
            weights[key] = swapped(by_token, 1, tokens).flatten(0, 1)
    if (key := "conditioning.position") in weights:
        weights[key] = swapped(weights[key], 1, tokens)
    other.load_state_dict(weights)

    x, t, z, s = arguments((4,))
    mine, exchanged = one(x.flatten(1), t, z, s), other(swapped(x, 1, tokens).flatten(1), t, z, s)
    torch.testing.assert_close(swapped(mine.unflatten(1, (4, 3)), 1, tokens).flatten(1), exchanged)
    assert (mine - exchanged).abs().max() > 1e-3


def test_products_of_rotated_tokens_depend_on_their_distance_alone():
    q, k = torch.randn(2, 5, 32, dtype=torch.float64)
    places = torch.tensor([0.0, 3, 4, 9, 30], dtype=torch.float64)

    def products(shift):
        rotation = rotations(places + shift, 32)
        return rotated(q, rotation) @ rotated(k, rotation).T

    torch.testing.assert_close(products(0), products(17), rtol=0, atol=1e-5)
    assert (products(0) - q @ k.T).abs().max() > 0.1
    assert torch.allclose(products(0).diag(), (q * k).sum(-1))
    turned = rotated(q, rotations(places, 32))
    torch.testing.assert_close(turned.norm(dim=-1), q.norm(dim=-1))


def test_only_sequences_are_rotated():
    rotation = networks(SHAPES["record"]).decoder.blocks[0].rotation
    cosines = rotation[0, :, 0]
    word = slice(1, 5)  # after the age
    torch.testing.assert_close(cosines[word], torch.arange(4.0).cos())
    assert (cosines[:1] == 1).all() and (cosines[5:] == 1).all()
    assert networks({"a": (), "b": ()}).decoder.blocks[0].rotation is None


@pytest.mark.parametrize("width", [8, 32, 40, 96, 104, 128, 256, 264])
def test_heads_share_a_width_in_pairs_of_features(width):
    assert width % heads_of(width) == 0 and width // heads_of(width) % 2 == 0
    assert width // heads_of(width) == 32 or width % 32


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_few_steps_of_training_reach_every_parameter(shape, conditioning):
    packing, decoder, encoder = networks(shape, conditioning=conditioning)
    x, t, _, s = arguments(shape)
    both = nn.ModuleList([decoder, encoder])
    optimizer = torch.optim.SGD(both.parameters(), 0.1)
    target = torch.randn(B, packing.size(each(lambda _: 3, shape)))
    for _ in range(4):  # the head, the ends of blocks, their beginnings, and what modulates these
        optimizer.zero_grad()
        mean, log_std = encoder(packing.pack(x), s)
        out = decoder(packing.pack(x), t, mean + log_std, s)
        (out - target).square().sum().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.any() for p in both.parameters())


def test_networks_compute_in_float64_and_in_bfloat16():
    packing, decoder, encoder = networks(SHAPES["record"])
    x, t, z, s = arguments(SHAPES["record"])
    inputs = packing.pack(x)
    opened(decoder), opened(encoder)
    out, mean = decoder(inputs, t, z, s), encoder(inputs, s)[0]
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(decoder(inputs, t, z, s).float(), out, rtol=0, atol=0.05)
        torch.testing.assert_close(encoder(inputs, s)[0].float(), mean, rtol=0, atol=0.05)
    t, z, s = t.double(), z.double(), s.double()
    exact = decoder.double()(inputs.double(), t, z, s)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), out, rtol=0, atol=1e-5)
    torch.testing.assert_close(encoder.double()(inputs.double(), s)[0].float(), mean)


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("method", ["bfn", "paramrel", "paramrel_evidence"])
@pytest.mark.parametrize("name", VARIABLES)
def test_models_of_transformers_have_losses_codes_and_draws(name, method, conditioning):
    variables = VARIABLES[name]
    params = SMALL.model_copy(update={"conditioning": conditioning})
    model, x = build_model(method, variables, params), data_of(variables, 4)
    assert isinstance(model.decoder, Transformer)
    loss = model.loss(x).total
    loss.backward()
    assert loss.isfinite()
    if model.encoder is not None:
        assert isinstance(model.encoder, TransformerEncoder)
        assert model.encode(x).mean.shape == (4, CODE)
    if model.method.no_bound is None:
        assert nll_bound(model, x, num_times=2).total.isfinite().all()
    drawn = sample(model, 2, steps=3)
    assert each(lambda part: tuple(part.shape[1:]), drawn) == model.data_shape


def test_what_is_hidden_is_told_in_the_inputs_of_its_token():
    """A network of partial evidence reads one more feature a variable, and depends on it."""
    variables = {name: VARIABLES["record"][name] for name in ("age", "job")}
    shared, partial = (
        build_model(method, variables, SMALL) for method in ("paramrel", "paramrel_evidence")
    )
    for mine, theirs in zip(partial.decoder.stem.layers, shared.decoder.stem.layers, strict=True):
        assert mine.in_features == theirs.in_features + 1
    opened(partial)
    x, one = data_of(variables), torch.ones(B)
    theta = partial.flow.sample_theta(partial.to_flow(x), one)
    means = [partial.encode_theta(theta, {"age": age, "job": one}).mean for age in (one, 0.5 * one)]
    assert (means[0] - means[1]).abs().max() > 1e-4


def test_a_run_of_a_transformer_is_loaded_as_one(tmp_path):
    x = data_of(VARIABLES["sequence"], 40)
    data = Dataset.from_tensors(x, kind="categorical", levels=27)
    params = TrainParams(steps=2, batch_size=8, evaluations=1)
    run, _ = train_run(data, "paramrel", 0, SMALL, params, progress=False)
    save_run(run, tmp_path)
    loaded = load_run(tmp_path).model
    assert loaded.params.backbone == "transformer" and type(loaded.decoder) is Transformer
    for name, values in run.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], values)


def test_a_transformer_learns_that_letters_are_copied():
    """Their second half is their first: n ln K nats, and twice that if letters were independent.

    At as many steps an MLP stays above the limit.
    """
    half, classes = 4, 4
    generator = torch.Generator().manual_seed(0)
    letters = torch.randint(classes, (4096, half), generator=generator)
    x = torch.cat([letters, letters], 1)
    torch.manual_seed(0)
    model = build_model("bfn", Variable("categorical", (2 * half,), classes), SMALL)
    model.fit_marginal(x)
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    for batch in 2 * x.split(64):
        optimizer.zero_grad()
        model.loss(batch, generator).total.backward()
        optimizer.step()
    bound = nll_bound(model.eval(), x[:512], num_times=16, generator=generator).total.mean()
    least = half * math.log(classes)
    assert least < bound < 1.2 * least

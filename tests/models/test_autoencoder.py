"""FlowAutoencoder: signs and units of the objective, what the code is made from, the bounds."""

import dataclasses
import math

import pytest
import torch
from scipy.stats import kstest
from sklearn.decomposition import PCA
from torch.nn.functional import one_hot

from paramrel.data import Dataset, Split, load_dataset
from paramrel.data.fields import each
from paramrel.models.autoencoder import sample_code
from paramrel.models.bounds import nll_bound, shuffled_code_loss
from paramrel.models.build import build_model, cost_table
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.models.objective import mmd, rate
from paramrel.models.times import LEAST_LOG_SNR, stratified_times
from paramrel.study.__main__ import main
from paramrel.training.config import TrainParams
from paramrel.training.loop import train

IMAGES = ("digits", "digits_discretized", "digits_continuous")
DATASETS = (*IMAGES, "digits_mixed", "text", "vectors")
CODED = [name for name, method in METHODS.items() if method.code != "none"]
OF_DATA = [name for name, method in METHODS.items() if method.code in ("x", "x_t")]
BOUNDED = [name for name, method in METHODS.items() if method.no_bound is None]
PARAMS = ModelParams(channels=(8, 16), embedding=16, mlp_width=32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def dataset_of(kind, x, levels=None):
    """Random data x: (N, ...) as a data set whose parts are all the same."""
    part = Split(x, torch.zeros(len(x)).long())
    return Dataset(kind, kind, tuple(x.shape[1:]), levels, part, part, part, (), "", "")


def images(size):
    return dataset_of("binary", torch.randint(2, (64, 1, size, size), generator=seeded()), 2)


def load(dataset):
    """A data set by name; by a number, images of that size."""
    if isinstance(dataset, int):
        return images(dataset)
    if dataset == "text":  # like text8, but short
        return dataset_of("categorical", torch.randint(27, (64, 6), generator=seeded()), 27)
    if dataset == "vectors":
        return dataset_of("continuous", 2 * torch.rand(64, 5, generator=seeded()) - 1)
    return load_dataset(dataset)


def on(datasets, methods=METHODS):
    """All pairs of method and data set but the diffusions of classes, which are refused."""
    return [
        (method, dataset)
        for method in methods
        for dataset in datasets
        if dataset not in ("digits_mixed", "text") or METHODS[method].flow != "diffusion"
    ]


def model_and_x(method="paramrel", dataset="digits", number=16, **params):
    """An untrained model whose layers that start at zero are open, and a batch of examples."""
    data = load(dataset)
    torch.manual_seed(0)
    model = build_model(method, data.variables, PARAMS.model_copy(update=params))
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return model, data.train.x[:number]


@pytest.mark.parametrize(("method", "dataset"), on(DATASETS))
def test_every_method_has_a_finite_loss_and_gradients_on_every_kind_of_data(method, dataset):
    model, x = model_and_x(method, dataset)
    loss = model(x, seeded())
    loss.total.backward()
    assert all(part.isfinite() for part in loss)
    trained = [p for name, p in model.named_parameters() if method != "bfn" or "code" not in name]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


def test_the_loss_has_its_public_name_and_named_parts():
    model, x = model_and_x()
    loss = model.loss(x, seeded())
    assert loss == model(x, seeded())
    assert loss._fields == ("total", "data", "rate", "divergence")


@pytest.mark.parametrize(("gamma", "lambda_"), [(0.0, 1.0), (1.0, 1.0), (0.9, 3.0)])
def test_the_total_is_data_plus_weighted_rate_plus_weighted_divergence(gamma, lambda_):
    model, x = model_and_x(gamma=gamma, lambda_=lambda_)
    loss = model(x, seeded())
    expected = loss.data + (1 - gamma) * loss.rate + (lambda_ + gamma - 1) * loss.divergence
    torch.testing.assert_close(loss.total, expected)


def test_at_gamma_zero_and_lambda_one_the_objective_is_the_elbo_by_hand():
    """`clean` draws: t, θ_t, θ₁, the code's noise, the prior; repeated here in the open."""
    model, x = model_and_x("paramrel_clean", gamma=0.0, lambda_=1.0)
    loss = model(x, seeded())

    generator, flow = seeded(), model.flow
    t = (torch.rand((), generator=generator) + torch.arange(len(x)) / len(x)) % 1
    theta_t = flow.sample_theta(x, t, generator=generator)
    one = torch.ones(len(x))
    posterior = model.encode_theta(flow.sample_theta(x, one, generator=generator), one)
    z = sample_code(posterior, generator)
    probs = model.output_distribution(theta_t, z, t, one).probs
    error = (one_hot(x, 2) - probs).square().sum(-1).flatten(1).sum(1)
    data = 2 * PARAMS.beta_1 * t * error  # K β(1) t |e_x - ê|²
    kl = 0.5 * (posterior.mean**2 + posterior.variance - 1 - posterior.variance.log()).sum(1)
    torch.testing.assert_close(loss.total, (data + kl).mean())


def test_at_gamma_one_the_rate_has_no_gradient():
    model, x = model_and_x(gamma=1.0)
    loss = model(x, seeded())
    torch.testing.assert_close(loss.total, loss.data + loss.divergence)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_data_and_divergence_keep_their_proportion_when_images_grow(size):
    """The untrained decoder says ½ of every pixel, so the data term is the same for each."""
    data = images(size)
    params = PARAMS.model_copy(update={"residual": False})
    model = build_model("paramrel_clean", data.variables, params)
    generator = seeded()
    loss = model(data.train.x, seeded())
    t = (torch.rand((), generator=generator) + torch.arange(64) / 64) % 1
    model.flow.sample_theta(data.train.x, t, generator=generator)
    posterior = model.encode(data.train.x, torch.ones(64), generator)
    z = sample_code(posterior, generator)
    prior = torch.randn(z.shape, generator=generator)
    torch.testing.assert_close(loss.data, size**2 * PARAMS.beta_1 * t.mean())
    torch.testing.assert_close(loss.divergence, size**2 * mmd(z, prior))
    torch.testing.assert_close(loss.rate, rate(posterior).mean())


class Spy(torch.nn.Module):
    """A decoder that records the times that it is told."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.log_snr = decoder, []

    def forward(self, inputs, log_snr_t, z, log_snr_s):
        self.log_snr.append((log_snr_t, log_snr_s))
        return self.decoder(inputs, log_snr_t, z, log_snr_s)


def training_times(method, **params):
    model, x = model_and_x(method, number=512, **params)
    model.decoder = Spy(model.decoder)
    model(x, seeded())
    return model.decoder.log_snr[0]


def test_a_code_of_the_same_time_is_read_when_the_decoder_decodes():
    t, s = training_times("paramrel_same")
    torch.testing.assert_close(t, s)


def test_a_clean_code_is_read_at_the_end():
    t, s = training_times("paramrel_clean")
    torch.testing.assert_close(s, torch.full_like(s, math.log(PARAMS.beta_1)))


def test_training_times_of_an_even_log_snr_reach_the_decoder_and_leave_the_draws_as_they_are():
    uniform, _ = training_times("paramrel_clean")
    even, s = training_times("paramrel_clean", training_times="log_snr")
    assert uniform.min() < LEAST_LOG_SNR - 1 and even.min() >= LEAST_LOG_SNR - 1e-3
    assert even.mean() < uniform.mean() - 1
    torch.testing.assert_close(s, torch.full_like(s, math.log(PARAMS.beta_1)))


def test_a_later_code_is_read_after_the_decoder_s_time_but_for_the_stated_share():
    t, s = training_times("paramrel", same_time_share=0.25)
    assert (s >= t).all()
    assert 0.15 < (s == t).float().mean() < 0.35


def test_where_a_later_code_has_the_decoder_s_time_it_reads_the_very_same_parameters():
    model, x = model_and_x(same_time_share=1.0)
    seen = []
    network_input = model.flow.network_input
    model.flow.network_input = lambda theta, t: seen.append(theta) or network_input(theta, t)
    model(x, seeded())
    encoded, decoded = seen
    assert torch.equal(encoded.logits, decoded.logits)


@pytest.mark.parametrize(("method", "dataset"), on(DATASETS, BOUNDED))
def test_a_bound_has_a_part_for_each_example_and_they_add_up(method, dataset):
    model, x = model_and_x(method, dataset)
    bound = nll_bound(model, x, num_times=3, generator=seeded())
    assert bound.total.shape == (16,) and bound.total.isfinite().all()
    assert not bound.total.requires_grad
    parts = bound.prior + bound.transmission + bound.reconstruction + bound.rate
    torch.testing.assert_close(bound.total, parts)


@pytest.mark.parametrize("method", BOUNDED)
def test_only_a_shared_code_pays_its_rate(method):
    model, x = model_and_x(method)
    bound = nll_bound(model, x, num_times=2, generator=seeded())
    assert (bound.rate > 0).all() == (
        METHODS[method].code != "none" and METHODS[method].code_time != "same"
    )


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("ae", "deterministic.*infinite rate"),
        ("diffae", "deterministic.*infinite rate"),
        ("infodiffusion", "deterministic.*infinite rate"),
        ("paramrel_xt", "another one at every time"),
    ],
)
def test_a_method_without_a_valid_bound_refuses_it_and_says_why(method, reason):
    model, x = model_and_x(method)
    with pytest.raises(ValueError, match=f"no bound on −ln p.*{reason}"):
        nll_bound(model, x)
    assert method not in BOUNDED


@pytest.mark.parametrize("dataset", IMAGES)
def test_a_variational_autoencoder_s_bound_is_its_likelihood_plus_its_rate(dataset):
    model, x = model_and_x("vae", dataset)
    bound = nll_bound(model, x, num_times=3, generator=seeded())
    posterior, t = model.encode(x, torch.ones(len(x))), torch.ones(len(x))
    z = sample_code(posterior, seeded())
    out = model.output_distribution(model.flow.prior(x.shape), z, t, t)
    torch.testing.assert_close(bound.transmission, model.flow.nll(x, out))
    torch.testing.assert_close(bound.rate, rate(posterior))
    assert not bound.reconstruction.any() and not bound.prior.any()


@pytest.mark.parametrize("dataset", IMAGES)
def test_the_bound_of_a_diffusion_counts_the_prior_loss(dataset):
    model, x = model_and_x("infodiffusion_stochastic", dataset)
    bound = nll_bound(model, x, num_times=3, generator=seeded())
    expected = model.flow.prior_loss(model.to_flow(x))
    torch.testing.assert_close(bound.prior, expected)
    assert (bound.prior > 0).all()


def test_the_bound_of_many_steps_approaches_the_one_of_continuous_time():
    model, x = model_and_x("bfn", number=64, residual=False)
    limit = nll_bound(model, x, num_times=64, generator=seeded()).transmission.mean()
    many = nll_bound(model, x, n=1000, num_times=64, generator=seeded(1)).transmission.mean()
    few = nll_bound(model, x, n=2, num_times=64, generator=seeded(1)).transmission.mean()
    assert abs(many / limit - 1) < 0.1 < abs(few / limit - 1)


@pytest.mark.parametrize("dataset", ["digits", "digits_continuous"])
def test_the_bound_of_n_steps_is_the_mean_of_their_losses(dataset):
    model, x = model_and_x("bfn", dataset, number=1000)
    n, generator, losses = 4, seeded(), []
    for i in range(1, n + 1):
        t = torch.full((len(x),), (i - 1) / n)
        with torch.no_grad():
            theta = model.flow.sample_theta(x, t, generator=generator)
            out = model.output_distribution(theta, model.no_code(len(x)), t, t)
            losses.append(model.flow.loss_discrete_time(x, out, i, n, generator))
    bound = nll_bound(model, x, n=n, num_times=4 * n, generator=seeded(1)).transmission.mean()
    assert bound.item() == pytest.approx(torch.stack(losses).mean().item(), rel=0.02)


def test_times_are_uniform_in_their_part_and_spread_over_it_by_the_examples():
    number, strata = 50, 4
    generator, device = seeded(), torch.device("cpu")
    draws = [torch.stack(stratified_times(number, strata, generator, device)) for _ in range(200)]
    times = torch.stack(draws)  # (200, strata, number)
    part = torch.arange(strata).view(-1, 1) / strata
    assert ((times >= part) & (times < part + 1 / strata)).all()
    distances = (times.sort(-1).values.diff(dim=-1) * strata * number).flatten()
    torch.testing.assert_close(distances, torch.ones_like(distances), atol=1e-3, rtol=0)
    of_one_example = (times[:, :, 7] * strata % 1).flatten()
    assert kstest(of_one_example, "uniform").pvalue > 0.01


def test_a_time_is_below_one_however_it_is_rounded(monkeypatch):
    highest = torch.tensor([1 - 2**-24])
    monkeypatch.setattr("paramrel.models.autoencoder.low_discrepancy_times", lambda *_: highest)
    assert stratified_times(1, 16, None, torch.device("cpu"))[-1] < 1


def test_the_draw_of_the_times_hardly_moves_the_bound_of_many_examples():
    """By 1 % here; were the times of all examples the same, by 12 %."""
    model, x = model_and_x("bfn", "digits_continuous", number=256)
    means = [
        nll_bound(model, x, num_times=2, generator=seeded(seed)).transmission.mean()
        for seed in range(10)
    ]
    assert torch.stack(means).std() < 0.03 * torch.stack(means).mean()


@pytest.mark.parametrize("method", CODED)
def test_a_decoder_that_ignores_the_code_loses_nothing_by_a_shuffled_one(method):
    model, x = model_and_x(method)
    used = shuffled_code_loss(model, x, 4, seeded())
    assert used.shape == (len(x),) and used.abs().max() > 0
    for name, parameter in model.decoder.named_parameters():
        if name.startswith("conditioning"):
            torch.nn.init.zeros_(parameter)
    ignored = shuffled_code_loss(model, x, 4, seeded())
    assert not ignored.any()


def test_the_same_generator_gives_the_same_numbers():
    model, x = model_and_x()
    assert model(x, seeded(3)).total == model(x, seeded(3)).total
    bounds = [nll_bound(model, x, num_times=2, generator=seeded(3)).total for _ in range(2)]
    assert torch.equal(*bounds)


def test_a_method_without_a_code_has_nothing_to_encode():
    model, x = model_and_x("bfn")
    with pytest.raises(ValueError, match="no code"):
        model.encode(x, torch.ones(len(x)))


@pytest.mark.parametrize("method", OF_DATA)
def test_a_code_of_the_data_cannot_be_read_from_theta(method):
    model, x = model_and_x(method)
    t = torch.ones(len(x))
    with pytest.raises(ValueError, match="read from data x, not from θ"):
        model.encode_theta(model.flow.prior(x.shape), t)


@pytest.mark.parametrize(("method", "dataset"), on(DATASETS, OF_DATA))
def test_a_code_of_x_has_no_time_and_no_randomness_and_one_of_x_t_has_a_time(method, dataset):
    model, x = model_and_x(method, dataset)
    early, late = (model.encode(x, torch.full((16,), s)).mean for s in (0.2, 0.9))
    assert torch.equal(early, late) == (method != "paramrel_xt")
    assert not torch.equal(late[0], late[1])


def certain(flow, x):
    """θ that leaves no doubt of x."""
    theta = flow.sample_theta(x, torch.ones(16), generator=seeded())
    if isinstance(x, dict):
        fields = {name: certain(field, x[name]) for name, field in flow.flows.items()}
        return dataclasses.replace(theta, fields=fields)
    if x.is_floating_point():
        return dataclasses.replace(theta, mean=x)
    return dataclasses.replace(theta, logits=1e3 * one_hot(x, flow.num_classes))


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_encoder_of_x_sees_what_an_encoder_of_certain_parameters_would_see(dataset):
    of_x, x = model_and_x("paramrel_x", dataset)
    of_theta, _ = model_and_x("paramrel_clean", dataset)
    of_theta.load_state_dict(of_x.state_dict())
    t, theta = torch.ones(16), certain(of_theta.flow, x)
    torch.testing.assert_close(of_x.encode(x, t).mean, of_theta.encode_theta(theta, t).mean)


@pytest.mark.parametrize("size", [8, 16, 28, 32, 64])
@pytest.mark.parametrize("method", ["paramrel", "infodiffusion", "vae"])
def test_images_of_every_size_have_a_loss_and_a_code_of_the_same_length(method, size):
    model, x = model_and_x(method, size, number=4)
    loss = model(x, seeded())
    loss.total.backward()
    assert loss.total.isfinite()
    code = model.encode(x, torch.ones(4), seeded()).mean
    assert code.shape == (4, PARAMS.code_dim) and code.isfinite().all()


@pytest.mark.parametrize("method", CODED)
def test_a_code_is_drawn_if_and_only_if_it_has_a_rate(method):
    model, x = model_and_x(method)
    posterior = model.encode(x, torch.ones(len(x)), seeded())
    deterministic = method in ("ae", "diffae", "infodiffusion") or "deterministic" in method
    assert torch.equal(sample_code(posterior), posterior.mean) == deterministic
    assert (model(x).rate == 0) == deterministic


@pytest.mark.parametrize(
    ("method", "rate_weight", "divergence_weight"),
    [
        ("ae", 0, 0),
        ("vae", 1, 0),
        ("beta_vae", 3, 0),
        ("infovae", 0.2, 4.8),
        ("diffae", 0, 0),
        ("infodiffusion", 0, 0.1),
        ("paramrel", 0.2, 4.8),
        ("paramrel_x", 0.2, 4.8),
        ("paramrel_xt", 0.2, 4.8),
    ],
)
def test_each_method_weighs_rate_and_divergence_by_its_row(method, rate_weight, divergence_weight):
    model, x = model_and_x(method, gamma=0.8, lambda_=5.0, beta=3.0)
    loss = model(x, seeded())
    expected = loss.data + rate_weight * loss.rate + divergence_weight * loss.divergence
    torch.testing.assert_close(loss.total, expected)


def test_binary_pixels_enter_a_diffusion_as_two_bins_and_come_back():
    model, x = model_and_x("diffae")
    inside = model.to_flow(x)
    assert torch.equal(inside, torch.where(x == 1, 1.0, -1.0))
    assert torch.equal(model.to_data(inside + 0.3 * torch.rand(x.shape)), x)


def test_what_leaves_a_diffusion_of_bins_lies_on_their_centres():
    model, x = model_and_x("diffae", "digits_discretized")
    noise = 0.9 / 17 * (2 * torch.rand(x.shape, generator=seeded()) - 1)
    torch.testing.assert_close(model.to_data(model.to_flow(x) + noise), x)


def test_the_loss_of_records_is_the_sum_of_their_fields_and_the_divergence_counts_them_all():
    model, x = model_and_x("paramrel_x", "digits_mixed")
    t, z = torch.full((16,), 0.5), torch.randn(16, PARAMS.code_dim, generator=seeded())
    theta = model.flow.sample_theta(x, t, generator=seeded())
    out = model.output_distribution(theta, z, t, t)
    total = model.flow.training_loss(x, out, t)
    parts = [flow.training_loss(x[name], out[name], t) for name, flow in model.flow.flows.items()]
    torch.testing.assert_close(total, sum(parts))
    assert model.num_dimensions == 64 + 1 + 4


@pytest.mark.parametrize("method", ["paramrel", "vae"])
def test_a_model_of_records_takes_and_gives_every_field(method):
    model, x = model_and_x(method, "digits_mixed")
    assert model.batch_shape(16) == {name: part.shape for name, part in x.items()}
    t = torch.ones(16)
    z = sample_code(model.encode(x, t, seeded()), seeded())
    out = model.output_distribution(model.flow.prior(model.batch_shape(16)), z, t, t)
    drawn = model.to_data(model.flow.mode_output(out))
    assert {n: part.shape for n, part in drawn.items()} == {n: part.shape for n, part in x.items()}
    assert {n: part.dtype for n, part in drawn.items()} == {n: part.dtype for n, part in x.items()}
    loss = model.flow.reconstruction_loss(drawn, out)  # which refuses what lies beside the bins
    assert loss.isfinite().all()


@pytest.mark.parametrize("dataset", DATASETS)
def test_data_pass_unchanged_through_the_flow_s_form(dataset):
    model, x = model_and_x("paramrel", dataset)
    torch.testing.assert_close(model.to_data(model.to_flow(x)), x)


def test_records_where_images_are_expected_are_refused_and_the_other_way_round():
    of_images, image = model_and_x("paramrel", "digits")
    of_records, record = model_and_x("paramrel", "digits_mixed")
    with pytest.raises(ValueError, match=r"'pixels'.* but this model is built for \(1, 8, 8\)"):
        of_images(record)
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\), but this model is built for .*label"):
        of_records(image)


@pytest.mark.parametrize("dataset", ["digits_mixed", "text"])
def test_a_diffusion_of_classes_is_refused_with_the_methods_that_can(dataset):
    with pytest.raises(ValueError, match="infodiffusion cannot model .* paramrel"):
        build_model("infodiffusion", load(dataset).variables, PARAMS)


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(
        ValueError, match="'paramrell', which there is not; did you mean 'paramrel'"
    ):
        build_model("paramrell", load_dataset("digits").variables, PARAMS)


@pytest.mark.parametrize("dataset", (*DATASETS, 16, 28, 32, 64))
def test_the_decoder_is_the_same_in_every_method_and_the_encoder_wherever_there_is_one(dataset):
    """But for the decoder's last layer, which has the features of the flow's output, and the first
    ones of partial evidence, which have another feature a variable."""

    def shapes(module, evidence):
        skipped = ("head", "stem") if evidence == "partial" else "head"
        parameters = module.named_parameters()
        return frozenset((n, p.shape) for n, p in parameters if not n.startswith(skipped))

    models = [model_and_x(method, dataset)[0] for method, _ in on([dataset])]
    for kind in ("shared", "partial"):
        alike = [model for model in models if kind in ("partial", model.method.evidence)]
        assert len({shapes(model.decoder, kind) for model in alike}) == 1
        assert len({shapes(model.encoder, kind) for model in alike if model.encoder}) == 1
    for model in models:
        assert len(model.decoder.head.bias) == model.packing.size(model.flow.num_outputs)
        more = {"shared": 0, "partial": 1}[model.method.evidence]
        inputs = model.packing.size(each(lambda m, more=more: m + more, model.flow.num_inputs))
        for network in filter(None, (model.decoder, model.encoder)):
            assert network.stem.weight.shape[1] == inputs


def test_the_command_prints_a_table_for_each_data_set_that_is_named(capsys):
    main(["costs", "digits_mixed", "digits_continuous"])
    printed = capsys.readouterr().out
    assert printed.count("FLOPs") == 2 and printed.startswith("digits_mixed\n")


def test_a_table_of_costs_of_records_leaves_out_the_diffusions():
    table = cost_table(load_dataset("digits_mixed"), PARAMS)
    diffusions = {name for name, method in METHODS.items() if method.flow == "diffusion"}
    assert set(METHODS) - set(table["method"]) == diffusions
    assert (table["FLOPs"] > 0).all()


@pytest.mark.parametrize(
    ("conditioning", "steps"), [("adagn", 150), ("input_add", 150), ("cross_attention", 300)]
)
def test_without_a_flow_a_code_reconstructs_better_than_as_many_principal_components(
    conditioning, steps
):
    data = load_dataset("digits")
    torch.manual_seed(0)
    model = build_model("ae", data.variables, ModelParams(conditioning=conditioning))
    params = TrainParams(steps=steps, batch_size=32, learning_rate=0.006, evaluations=1)
    model, _ = train(model, data, params, seed=0, progress=False)
    t, x = torch.ones(len(data.test)), data.test.x
    with torch.no_grad():
        z = model.encode(x, t).mean
        out = model.output_distribution(model.flow.prior(x.shape), z, t, t)
    pca = PCA(model.params.code_dim).fit(data.train.x.flatten(1))
    projected = pca.inverse_transform(pca.transform(x.flatten(1)))
    error = (out.probs[..., 1] - x).square().mean().item()
    assert error < 0.8 * (torch.as_tensor(projected) - x.flatten(1)).square().mean().item()


def test_the_table_of_costs_counts_parameters_and_multiplications():
    data = load_dataset("digits")
    table = cost_table(data, PARAMS).set_index("method")
    assert list(table.index) == list(METHODS)
    model, _ = model_and_x()
    assert table.loc["paramrel"].sum() > table.loc["bfn"].sum()
    total = table.loc["paramrel", ["decoder parameters", "encoder parameters"]].sum()
    assert total == sum(p.numel() for p in model.parameters())
    assert table.loc["bfn", "encoder parameters"] == 0
    for kind in ("shared", "partial"):
        alike = [name for name in CODED if METHODS[name].evidence == kind]
        costs = table.loc[[name for name in alike if METHODS[name].flow != "diffusion"], "FLOPs"]
        assert costs.nunique() == 1


def test_a_code_whose_noise_vanishes_has_a_finite_loss_and_gradient_at_gamma_one():
    model, x = model_and_x("paramrel", gamma=1.0)
    with torch.no_grad():
        model.encoder.head.bias[PARAMS.code_dim :] = -60.0  # the log standard deviations
    loss = model(x, seeded())
    loss.total.backward()
    assert all(term.isfinite() for term in loss)
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_a_term_of_weight_zero_is_no_part_of_the_objective(monkeypatch):
    monkeypatch.setattr("paramrel.models.autoencoder.rate", lambda q: q.mean[:, 0] * torch.inf)
    model, x = model_and_x("paramrel", gamma=1.0)
    assert model(x, seeded()).total.isfinite()


def test_without_a_time_a_code_is_read_at_the_last_one():
    model, x = model_and_x("paramrel")
    short, long = model.encode(x, generator=seeded()), model.encode(x, torch.ones(len(x)), seeded())
    assert torch.equal(short.mean, long.mean)

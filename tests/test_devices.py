"""Data on the CPU, a model elsewhere: every function works there, and returns on the CPU.

Without a GPU, elsewhere is a pretended device: its tensors say that they are on `meta`, hold values
nevertheless, and meet those of the CPU as those of a GPU do, with an error. What they compute is
what the CPU computes, but for rounding.
"""

from contextlib import nullcontext

import pandas as pd
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from paramrel.data import load_dataset
from paramrel.data.subset import subset
from paramrel.measures import tasks as measured_tasks
from paramrel.measures.assessment import assess, extractors
from paramrel.measures.completion import completion_row
from paramrel.measures.config import EvaluateParams, GenerateParams, QualityParams
from paramrel.measures.evaluation import evaluate, information_over_time
from paramrel.measures.quality import solver_curve
from paramrel.measures.reconstruction import reconstruct_in_all_ways
from paramrel.measures.robustness import robust_table
from paramrel.metrics.extractors import train_classifier
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import nll_bound, shuffled_code_loss
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code, posterior
from paramrel.runs.run import Run
from paramrel.tasks.completion import complete, likeliest_label
from paramrel.tasks.editing import encode_latent, interpolate, manipulate, time_codes, traverse
from paramrel.tasks.latent_prior import fit_latent_prior
from paramrel.tasks.reconstruction import reconstruct, reconstruct_from_theta
from paramrel.tasks.sampling import draw_noise, generate_like, sample
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4, mlp_width=16)
EVALUATE = EvaluateParams(num_times=2, probe_times=(1.0,), examples=100)
QUALITY = QualityParams(
    sampling_steps=2, snr_times=(1.0,), few_labels=(2,), pairs=3, solvers=("paramrel",),
    evaluations=(3,),
)  # fmt: skip
GENERATE = GenerateParams(
    sampling_steps=2, inversion_steps=2, decoding_steps=2, images=2, per_class=2, pairs=70,
    progressive_log_snr=(0.0,),
)  # fmt: skip
CPU, PRETENDED = torch.device("cpu"), torch.device("meta")


class There(Tensor):
    """A tensor on the pretended device; values: what it holds, on the CPU."""

    @staticmethod
    def __new__(cls, values):
        shape = (values.shape, values.stride(), values.storage_offset())
        return Tensor._make_wrapper_subclass(cls, *shape, dtype=values.dtype, device=PRETENDED)

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})


class ThereGenerator(Generator):
    """A generator that draws on the pretended device."""

    device, known = PRETENDED, {}  # those that are, so that no other one takes their address

    def manual_seed(self, seed):
        self.known[self._cdata] = self
        super().manual_seed(seed)
        return self

    def clone_state(self):
        other = ThereGenerator().manual_seed(0)
        other.set_state(self.get_state())
        return other


class Pretending(TorchDispatchMode):
    """Within it, tensors can be made on the pretended device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})


def compute(function, args, kwargs):
    """Do an operation on the device that it is told, or on the one where its tensors are."""
    parts = tree_leaves((args, kwargs))
    there = any(isinstance(part, There) for part in parts)
    told = kwargs.get("device")
    target = there if told is None else torch.device(told) == PRETENDED
    name = function.name()
    if there and not any(word in name for word in ("copy", "aten::index")):  # as GPUs allow
        here = [p for p in parts if isinstance(p, Tensor) and not isinstance(p, There)]
        assert not any(part.ndim for part in here), f"{name} of tensors on two devices"
    for part in parts:
        if isinstance(part, Generator):
            right = (part._cdata in ThereGenerator.known) == target
            assert right, f"{name} draws with a generator of another device"
    opened = tree_map(lambda part: part.values if isinstance(part, There) else part, args)
    kwargs = tree_map(lambda part: part.values if isinstance(part, There) else part, kwargs)
    result = function(*opened, **kwargs | ({} if told is None else {"device": CPU}))
    if name.split(".")[0].endswith("_") and args:
        return args[0]
    return tree_map(lambda r: There(r) if target and isinstance(r, Tensor) else r, result)


def pretend(model):
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = nn.Parameter(There(value.data), requires_grad=False)
        for name, value in module._buffers.items():
            module._buffers[name] = There(value)
    return model


@pytest.fixture(params=["pretended", pytest.param("cuda", marks=pytest.mark.gpu)])
def elsewhere(request, monkeypatch):
    """How a model gets elsewhere."""
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device")
        yield lambda model: model.to("cuda")
        return
    own = FlowAutoencoder.generator

    def generator(model, seed):
        there = model.device == PRETENDED
        return ThereGenerator().manual_seed(seed) if there else own(model, seed)

    monkeypatch.setattr(FlowAutoencoder, "generator", generator)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no meta
    with Pretending():
        yield pretend


def make_run(method, dataset):
    """A run whose layers that start at zero are open, so that its images differ."""
    torch.manual_seed(0)
    model = build_model(method, load_dataset(dataset).variables, SMALL).eval()
    for parameter in model.requires_grad_(False).parameters():
        if not parameter.any():
            parameter.normal_(std=0.3)
    return Run(dataset, method, 0, model, TrainParams())


def check(found, expected, computed):
    """Assert that results are on the CPU, and, where it computed them, that they are its own."""
    for part, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        if isinstance(part, Tensor):
            assert part.device == CPU and not isinstance(part, There)
            assert part.shape == other.shape and part.dtype == other.dtype
        if computed and isinstance(part, Tensor):
            torch.testing.assert_close(part, other, rtol=1e-4, atol=1e-4)
        elif computed and isinstance(part, pd.DataFrame):
            pd.testing.assert_frame_equal(part, other, rtol=1e-3)
        elif computed and isinstance(part, float):
            assert part == pytest.approx(other, rel=1e-3, abs=1e-4)


def of_images(run, x):
    """Tasks by name."""
    model = run.model

    def latent():
        return encode_latent(model, x, 2, model.generator(0))

    def noise():
        return draw_noise(model, len(x), model.generator(1))

    own = "prior" if model.method.sampler == "learned" else None
    tasks = {
        "bound": lambda: vars(nll_bound(model, x, num_times=2, generator=model.generator(0))),
        "sample": lambda: sample(model, 3, 2, code=own),
        "solver": lambda: sample(model, 3, 2, code=own, solver="bfn_solver"),
        "interpolate": lambda: interpolate(model, x, x.flip(0), 3, 2),
    }
    if model.method.no_bound:
        del tasks["bound"]
    if model.encoder is None:
        return tasks
    codes = torch.eye(4)
    tasks |= {
        "posterior": lambda: vars(posterior(model, x)) | {"_validate_args": None},
        "shuffled": lambda: shuffled_code_loss(model, x, 2, model.generator(0)),
        "given code": lambda: sample(model, 3, 2, code=torch.ones(3, 4)),
        "prior": lambda: sample(model, 3, 2, code="prior"),
        "reconstruct": lambda: reconstruct(model, x, 2),
        "theta": lambda: (
            reconstruct_from_theta(model, x, 0.5, 2, model.generator(0), mean_code(model, x)).images
        ),
        "traverse": lambda: traverse(model, latent(), codes, (-1, 1), 2),
        "manipulate": lambda: manipulate(model, latent(), codes[0], (-1, 1), 2),
    }
    if model.method.flow != "one_shot":
        tasks["alike"] = lambda: generate_like(model, mean_code(model, x), noise(), 2)
    if model.method.code in ("theta", "x_t"):
        tasks["times"] = lambda: time_codes(model, x, (0.5, 1.0), noise(), 2, model.generator(0))
    return tasks


@pytest.mark.parametrize(
    ("method", "dataset"),
    [
        ("bfn", "digits"),
        ("paramrel", "digits"),
        ("paramrel_same", "digits_continuous"),
        ("paramrel_xt", "digits_discretized"),
        ("infodiffusion", "digits_discretized"),
        ("diffae", "digits"),
        ("vae", "digits"),
    ],
)
def test_every_task_is_done_where_the_model_is(method, dataset, elsewhere, request):
    run, x = make_run(method, dataset), load_dataset(dataset).test.x[:4]
    expected = {name: task() for name, task in of_images(run, x).items()}
    elsewhere(run.model)
    computed = "pretended" in request.node.callspec.id
    for name, task in of_images(run, x).items():
        check(task(), expected[name], computed)


@pytest.mark.parametrize("method", ["bfn", "paramrel"])
def test_records_are_completed_where_the_model_is(method, elsewhere, request):
    data, run = load_dataset("digits_mixed"), make_run(method, "digits_mixed")
    x = data.test.x[:4]
    known = {name: x[name] for name in ("pixels", "summary")}
    judge = train_classifier(
        data.train.x["pixels"][:100], data.train.x["label"][:100], Generator().manual_seed(0),
        steps=2,
    )  # fmt: skip

    def done():
        found = complete(run.model, known, 2), likeliest_label(run.model, x, "label", 2, 0)
        return [*found, completion_row(run, data, judge, EVALUATE, GENERATE)]

    expected = done()
    elsewhere(run.model)
    check(done(), expected, "pretended" in request.node.callspec.id)


def of_runs(run, data, judges):
    """Measures by name."""
    measures = {
        "evaluate": lambda: evaluate(run, data, EVALUATE),
        "over time": lambda: information_over_time(run, data, (0.5, 1.0), EVALUATE),
        "ways": lambda: [
            kept.images for kept in reconstruct_in_all_ways(run, data.test.x[:4], GENERATE)
        ],
        "conditional": lambda: measured_tasks.conditional_images(run, data, GENERATE),
        "traversal": lambda: measured_tasks.traversal_table(run, data, GENERATE),
        "manipulation": lambda: measured_tasks.manipulation_table(
            run, data, judges[0], GENERATE, (1.0,)
        ),
        "interpolation": lambda: measured_tasks.interpolation_table(run, data, judges, GENERATE),
        "solvers": lambda: solver_curve([run], data, judges, QUALITY),
        "robust": lambda: robust_table([run], data, SMALL, GENERATE),
    }
    return measures | {"assess": lambda: assess(run, data, judges, QUALITY, progress=False)}


def test_every_measure_is_made_where_the_model_is(elsewhere, request):
    run, data = make_run("paramrel", "digits"), subset(load_dataset("digits"), 300)
    judges = extractors(data, 0, 5)
    expected = {name: measure() for name, measure in of_runs(run, data, judges).items()}
    elsewhere(run.model)
    computed = "pretended" in request.node.callspec.id
    for name, measure in of_runs(run, data, judges).items():
        check(measure(), expected[name], computed)


@pytest.mark.gpu
def test_a_learned_prior_is_drawn_from_where_the_model_is():
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    model = make_run("paramrel", "digits").model.to("cuda")
    prior = fit_latent_prior(mean_code(model, load_dataset("digits").test.x), 0, steps=2)
    assert sample(model, 3, 2, code=prior).device == CPU

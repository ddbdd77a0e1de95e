"""What is known when parts are hidden: codes of observations, and bounds on what they lack."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.data import Dataset, Variables
from paramrel.data.fields import Data, batches, count, each, first, leaves, moved
from paramrel.flows import Flow, Theta
from paramrel.measures.codes import splits
from paramrel.measures.config import EvaluateParams, GenerateParams
from paramrel.metrics.probes import logistic_probe, pca_codes
from paramrel.models.autoencoder import BATCH_VALUES, FlowAutoencoder
from paramrel.models.bounds import conditional_bound
from paramrel.models.build import build_flow
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code
from paramrel.models.methods import METHODS
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.solvers import times_of_log_snr
from paramrel.tasks.completion import complete, completed_code
from paramrel.tasks.sampling import require_code

PENALTIES = (0.01, 0.1, 1.0)  # inverse ones, of the probe: chosen on the validation split
ASKED = "label"  # the field of records that is read from what is seen of the others
DRAWS = 8  # completions that a code is averaged over
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)  # of the variables that are seen, at random


# θ of an observation and the time of every variable, (N, ...) each → features (N, d), on the CPU.
Reader = Callable[[Theta, Data], Tensor]


def _right(row: Tensor, column: Tensor) -> Tensor:
    return column >= 0.5


def _lower(row: Tensor, column: Tensor) -> Tensor:
    return row >= 0.5


def _checkerboard(row: Tensor, column: Tensor) -> Tensor:
    return ((8 * row).floor() + (8 * column).floor()) % 2 == 1


def _disc(row: Tensor, column: Tensor) -> Tensor:
    return (row - 0.5) ** 2 + (column - 0.5) ** 2 < 0.33**2


def _scribble(row: Tensor, column: Tensor) -> Tensor:
    return (row - 0.5 - 0.3 * torch.sin(9 * column)).abs() < 0.17


# Which pixels are hidden, by their places in [0, 1]: halves as training hides them, and forms that
# no training hides.
HIDDEN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "right": _right,
    "lower": _lower,
    "checkerboard": _checkerboard,
    "disc": _disc,
    "scribble": _scribble,
}


@dataclass(frozen=True)
class Corruption:
    """What an observation lacks: accuracy everywhere, or all of it in a part of the image.

    log_snr: of every variable that is seen, nats; infinity for that of t = 1.
    hidden: the part whose pixels are not seen, of `HIDDEN`; `nothing` where all are.
    """

    log_snr: float = float("inf")
    hidden: str = "nothing"


def corruptions(log_snr: Sequence[float]) -> list[Corruption]:
    """Return noise of each level, then none (the clean observation), then each part hidden."""
    parts = (Corruption(hidden=part) for part in HIDDEN)
    return [*map(Corruption, log_snr), Corruption(), *parts]


def seen_of(variables: Variables, hidden: str) -> Data:
    """Return which variables of an example are seen, booleans of its shape.

    hidden: of `HIDDEN`, a part of every image of an example, or `nothing`. The `label` of records
    is never seen; their other fields are, if they are no images.
    """
    if isinstance(variables, dict):
        whole = {name: seen_of(variable, hidden) for name, variable in variables.items()}
        return whole | {name: torch.tensor(False) for name in whole if name == ASKED}
    seen = torch.ones(variables.shape, dtype=torch.bool)
    if hidden == "nothing" or len(variables.shape) != 3:
        return seen
    row, column = (torch.arange(size).add(0.5) / size for size in variables.shape[1:])
    return seen & ~HIDDEN[hidden](row[:, None], column).expand(variables.shape)


def observe(
    flow: Flow, variables: Variables, x: Data, corruption: Corruption, generator: Generator
) -> tuple[Theta, Data]:
    """Return θ of a corrupted observation of x, (N, ...), and the time of every variable, as x.

    flow: a Bayesian flow, whose θ holds an accuracy for every variable. Hidden variables keep their
    prior, for the accuracy that they have received is β(0) = 0.
    """
    t = times_of_log_snr(flow, torch.tensor([corruption.log_snr])).float()
    seen = seen_of(variables, corruption.hidden)
    evidence = each(lambda part, x: (t * part).expand(x.shape), seen, x)
    return flow.sample_theta(x, evidence, generator=generator), evidence


def mean_image(flow: Flow, theta: Theta, t: Data) -> Data:
    """Return the mean of p_I(x | θ) in [-1, 1], (N, ...); 0, grey, where a pixel is hidden.

    Of each field of records; of classes, of each a number.
    """
    features = flow.network_input(theta, t)
    return each(lambda part: part[..., 0].clamp(-1, 1), features)


def mean_vector(flow: Flow, variables: Variables, theta: Theta, t: Data) -> Tensor:
    """Return the mean image as a vector (N, D); of records, all fields but the label."""
    image = mean_image(flow, theta, t)
    if isinstance(variables, dict):
        image = {name: part for name, part in image.items() if name != ASKED}
    return torch.cat([part.reshape(len(part), -1) for part in leaves(image)], 1)


def code_reader(model: FlowAutoencoder, flow: Flow) -> Reader:
    """Return what a model's code makes of an observation, its mean (N, d).

    A code of θ is read from the θ of the observation: told the time of every pixel if it was
    trained on partial evidence, else that of what is seen. A code of x was trained on images: it is
    shown the mean image, which tells more than the most probable one.
    flow: the observation's, a Bayesian one. Raises ValueError without a code, for one that is read
    from the θ of a diffusion, and for one of x of records, whose hidden label is none.
    """
    require_code(model)
    if not readable(model):
        raise ValueError("this method's code cannot read θ of such an observation")

    @torch.no_grad()
    def read(theta: Theta, t: Data) -> Tensor:
        theta, t = theta.map(lambda part: part.to(model.device)), moved(t, model.device)
        if model.method.reads_theta:
            return model.encode_theta(theta, t).mean.cpu()
        return model.encode(mean_image(flow, theta, t)).mean.cpu()

    return read


def readable(model: FlowAutoencoder) -> bool:
    """Whether a model has a code that can be read from the θ of a Bayesian flow."""
    if model.method.reads_theta:
        return model.method.flow == "bayesian"
    return model.encoder is not None and not isinstance(model.variables, dict)


def robust_rows(
    data: Dataset, read: Reader, flow: Flow, log_snr: Sequence[float], seed: int
) -> Iterator[dict[str, float | int | str]]:
    """Probe what `read` makes of corrupted test images, a row for each corruption and probe.

    trained_on: `clean`, as a classifier that is put to use; or `corrupted`, codes of images that
    are corrupted in the same way, which asks what the codes still hold.
    """

    def codes(corruption: Corruption) -> list[Tensor]:
        generator = Generator().manual_seed(seed)
        return [
            _read(read, flow, data.variables, split.x, corruption, generator)
            for split in splits(data)
        ]

    labels, clean = [split.labels for split in splits(data)], codes(Corruption())
    for corruption in corruptions(log_snr):
        seen = codes(corruption)
        for name, trained in {"clean": clean, "corrupted": seen}.items():
            row = _probed([*trained[:2], seen[2]], labels)
            yield vars(corruption) | {"trained_on": name} | row


def completed_probes(
    run: Run, data: Dataset, params: GenerateParams
) -> Iterator[dict[str, float | int | str]]:
    """Probe the mean codes of completed test images, a row for each part of `HIDDEN`.

    Trained on the codes of whole images, as those of `robust_rows` that are `clean`.
    """
    model, labels = run.model, [split.labels for split in splits(data)]
    *clean, _ = (mean_code(model, s.x, generator=model.generator(run.seed)) for s in splits(data))
    for corruption in (Corruption(hidden=part) for part in HIDDEN):
        seen = seen_of(data.variables, corruption.hidden).expand(data.test.x.shape)
        generator = model.generator(run.seed)
        code = completed_code(model, data.test.x, params.sampling_steps, generator, seen, DRAWS)
        row = _probed([*clean, code], labels)
        yield vars(corruption) | {"trained_on": "clean"} | row


def _probed(codes: Sequence[Tensor], labels: Sequence[Tensor]) -> dict[str, float | int]:
    """Of codes and labels of the train, validation and test split."""
    row = logistic_probe(*zip(codes, labels, strict=True), grid=PENALTIES)
    kept = {key: row[key] for key in ("accuracy", "floor_accuracy", "n_test")}
    accuracy = row["accuracy"]
    return kept | {"accuracy_sem": (accuracy * (1 - accuracy) / row["n_test"]) ** 0.5}


def _read(
    read: Reader,
    flow: Flow,
    variables: Variables,
    x: Data,
    corruption: Corruption,
    generator: Generator,
) -> Tensor:
    """What a reader makes of observations of all x: (N, d); they are made batch by batch."""
    size = max(BATCH_VALUES // sum(part.numel() for part in leaves(first(x, 1))), 2)
    found = [
        read(*observe(flow, variables, part, corruption, generator)) for part in batches(x, size)
    ]
    return torch.cat(found)


def robust_table(
    runs: Sequence[Run], data: Dataset, model: ModelParams, params: GenerateParams
) -> pd.DataFrame:
    """Probe the codes of runs, of `pca` of the mean image and of all its `pixels`, on corruptions.

    A row for each method, seed, corruption and probe, at params.progressive_log_snr. All see the
    same observations for a seed, drawn on the CPU. Runs whose code cannot be read are left out.
    Where a model of partial evidence can draw what is hidden of images, it is probed a second time,
    as `<method>, completed`: by the mean code of DRAWS completions, `completed_code`.
    """
    flow, log_snr = build_flow(METHODS["bfn"], data.variables, model), params.progressive_log_snr
    rows, seeds = [], {}
    for run in runs:
        if readable(run.model):
            read = code_reader(run.model, flow)
            known = origin(run, params)
            rows += [known | row for row in robust_rows(data, read, flow, log_snr, run.seed)]
            if run.model.method.evidence == "partial" and not isinstance(data.variables, dict):
                known = known | {"method": f"{run.method}, completed"}
                rows += [known | row for row in completed_probes(run, data, params)]
        seeds.setdefault(run.seed, origin(run, params))
    for seed, known in sorted(seeds.items()):
        for name, read in baseline_readers(data, flow, model.code_dim).items():
            of_baseline = known | {"method": name}
            rows += [of_baseline | row for row in robust_rows(data, read, flow, log_snr, seed)]
    return pd.DataFrame(rows)


def baseline_readers(data: Dataset, flow: Flow, code_dim: int) -> dict[str, Reader]:
    """Return the readers that know no model: all pixels of the mean image, and its PCA."""

    def pixels(theta: Theta, t: Data) -> Tensor:
        return mean_vector(flow, data.variables, theta, t)

    known = flow, data.variables, data.train.x
    clean = _read(pixels, *known, Corruption(), Generator().manual_seed(0))

    def pca(theta: Theta, t: Data) -> Tensor:
        return torch.as_tensor(pca_codes(clean, pixels(theta, t), d=code_dim)[1])

    return {"pca": pca, "pixels": pixels}


def hidden_parts(variables: Variables) -> dict[str, Data]:
    """Return which variables of an example are seen, booleans of its shape, by what is hidden.

    Of images each part of `HIDDEN`; of records each of their fields, all others being seen.
    """
    if not isinstance(variables, dict):
        return {hidden: seen_of(variables, hidden) for hidden in HIDDEN}
    return {
        hidden: {
            name: torch.full(variable.shape, name != hidden) for name, variable in variables.items()
        }
        for hidden in variables
    }


def evidence_table(runs: Sequence[Run], data: Dataset, params: EvaluateParams) -> pd.DataFrame:
    """Measure what runs know of the hidden part of test examples, and what their codes keep.

    A row for each run and observation: each of `hidden_parts`, and the variables that are seen at
    random at each share of SHARES (`random`). conditional_bound: nats, −ln p(hidden | seen), at
    most, with its standard error over the examples (`_sem`), for methods that have a bound.
    code_distance: the root mean square distance of the code to that of the whole example, as a
    share of the distance between two whole examples, for codes of θ of a Bayesian flow. Raises
    ValueError where no run has one.
    """
    if all(run.model.method.flow != "bayesian" for run in runs):
        raise ValueError("none of these methods has a Bayesian flow; add paramrel or bfn")
    x = first(data.test.x, params.examples)
    return pd.DataFrame(
        {**origin(run, params), **row}
        for run in runs
        if run.model.method.flow == "bayesian"
        for row in _evidence_rows(run, x, data.variables, params.num_times)
    )


def _evidence_rows(
    run: Run, x: Data, variables: Variables, num_times: int
) -> Iterator[dict[str, float | int | str]]:
    model, number = run.model, count(x)
    whole = mean_code(model, x, generator=model.generator(run.seed))
    for hidden, share, seen in _observations(variables, x, number, run.seed):
        row = {"hidden": hidden, "share": share, "n": number}
        if model.method.no_bound is None:
            generator = model.generator(run.seed)
            bound = conditional_bound(model, x, seen, num_times, generator).total
            row["conditional_bound"] = bound.mean().item()
            row["conditional_bound_sem"] = bound.std().item() / number**0.5
        if model.method.reads_theta:
            code = mean_code(model, x, generator=model.generator(run.seed), seen=seen)
            row["code_distance"] = _distance(code, whole)
        yield row


def _observations(
    variables: Variables, x: Data, number: int, seed: int
) -> Iterator[tuple[str, float, Data]]:
    """What is hidden, the share of the variables that is seen, and which are, (N, ...)."""
    for hidden, seen in hidden_parts(variables).items():
        seen = each(lambda part: part.expand(number, *part.shape), seen)
        yield hidden, _share(seen), seen
    for share in SHARES:
        yield "random", share, _seen_at_random(x, share, Generator().manual_seed(seed))


def _seen_at_random(x: Data, share: float, generator: Generator) -> Data:
    return each(lambda part: torch.rand(part.shape, generator=generator) < share, x)


def _share(seen: Data) -> float:
    parts = leaves(seen)
    return sum(part.sum().item() for part in parts) / sum(part.numel() for part in parts)


def _distance(code: Tensor, whole: Tensor) -> float:
    """Of codes (N, d) to those of the whole examples, as a share of that between two of these."""
    between = 2 * whole.var(0).sum()
    return ((code - whole).square().sum(1).mean() / between).sqrt().item()


def image_of(x: Data) -> Tensor:
    """Return the images among data x: (N, C, H, W); ValueError where a record has none."""
    images = [part for part in leaves(x) if part.ndim == 4]
    if not images:
        raise ValueError("these records hold no image")
    return images[0]


def completed_rows(
    run: Run, data: Dataset, parts: Sequence[str], number: int, steps: int, draws: int = 3
) -> dict[str, Tensor]:
    """Return rows of images: of each part that is hidden, what is seen, and draws of the whole.

    parts: of `HIDDEN`; the first `number` test images. Where the method can't complete, no rows.
    """
    model, x = run.model, first(data.test.x, number)
    if not readable(model) and model.encoder is not None or not model.flow.moves:
        return {}
    rows = {"image": image_of(x)}
    for hidden in parts:
        seen = seen_of(data.variables, hidden)
        seen = each(lambda part, x: part.expand(x.shape), seen, x)
        grey = each(lambda part, x: torch.where(part, _light(x), 0.0), seen, x)
        rows[f"{hidden} hidden"] = image_of(grey)
        generator = model.generator(run.seed)
        for draw in range(draws):
            drawn = complete(model, x, steps, generator, seen)
            rows[f"{hidden}, draw {draw + 1}"] = image_of(drawn)
    return rows


def _light(x: Tensor) -> Tensor:
    """Binary pixels as -1 and 1, which leaves 0 for what is hidden."""
    return x if x.is_floating_point() else 2.0 * x - 1

"""Make the trained models that come with the repository, and their cards in data.dvc."""

import yaml

from paramrel.data import Dataset, load_dataset
from paramrel.data.disk.files import whole_file
from paramrel.measures.config import EvaluateParams
from paramrel.measures.evaluation import Row, evaluate
from paramrel.models.config import ModelParams
from paramrel.runs.pretrained import METHODS, SEED, load_pretrained
from paramrel.runs.run import FILE, Run, save_run
from paramrel.runs.train import train_run
from paramrel.study.paths import study_root
from paramrel.training.config import TrainParams

MODEL = ModelParams()  # as those of the study `digits`
TRAIN = TrainParams(steps=1000, optimizer="adamw")  # the validation loss rises after that
OF_TEXTS = ModelParams(
    backbone="transformer", mlp_width=64, mlp_blocks=2, embedding=64, code_dim=16
)
TRAIN_TEXTS = TrainParams(steps=4000, batch_size=32, evaluations=1)
NUMBERS = {"digits": (MODEL, TRAIN), "sentences": (OF_TEXTS, TRAIN_TEXTS)}
FEW = 60  # steps of a training that a reader waits for
MEASURED = ("n_test", "nll_bound", "shuffled_code", "probe_t1")


def numbers_of(dataset: str) -> tuple[ModelParams, TrainParams]:
    """Return the numbers of the models of a data set; raises ValueError where it has none."""
    if dataset not in NUMBERS:
        raise ValueError(f"no models of {dataset!r} come with the study, only {', '.join(NUMBERS)}")
    return NUMBERS[dataset]


def make_pretrained(dataset: str, model: ModelParams, train: TrainParams) -> None:
    """Train the models of a data set, keep them below data/, write their cards into data.dvc.

    The same seed gives the same bytes on the same machine.
    """
    folder = study_root() / "data" / "pretrained"  # asked for before any training
    data = load_dataset(dataset)
    for method in METHODS[dataset]:
        run, _ = train_run(data, method, SEED, model, train)
        save_run(run, folder / run.key)
        _write_card(f"pretrained/{run.key}/{FILE}", card(run, data))


def pretrained_or_trained(dataset: str, method: str, seed: int, steps: int) -> Run:
    """Return the trained model that comes with the repository, or one that is trained now.

    steps: of a training now; 0 takes the trained model, and where there is none, or none of this
    seed, trains in FEW steps, which show that all runs and little else. Raises ValueError for data
    that have no such models.
    """
    if not steps and seed == SEED:
        try:
            return load_pretrained(dataset, method)
        except (ValueError, FileNotFoundError) as error:
            print(f"{str(error).split(';')[0]}: trained now, in {FEW} steps")
    model, train = numbers_of(dataset)
    train = train.model_copy(update={"steps": steps or FEW})
    return train_run(dataset, method, seed, model, train)[0]


def card(run: Run, data: Dataset) -> Row:
    """Return where a model comes from and what it measures on the test split, in nats per example.

    nll_bound: on −ln p(x); shuffled_code: what another example's code adds to the loss; probe_t1:
    accuracy of a linear probe on codes of s = 1.
    """
    row = evaluate(run, data, EvaluateParams())
    origin = {
        "title": f"{run.method} on {run.dataset}, {run.model.method.summary}",
        "command": f"python -m paramrel.study pretrain {run.dataset}",
        "seed": run.seed,
        "steps": run.train.steps,
        "parameters": sum(p.numel() for p in run.model.parameters()),
    }
    measured = {name: float(f"{row[name]:.4g}") for name in MEASURED if name in row}
    return origin | measured | {"n_test": row["n_test"]}


def _write_card(name: str, entry: Row) -> None:
    path = study_root() / "data.dvc"
    pinned = yaml.safe_load(path.read_text(encoding="utf-8"))
    pinned["meta"][name] = entry
    text = yaml.safe_dump(pinned, sort_keys=False, allow_unicode=True, width=100)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")

"""Trained models that come with the repository: `dvc pull data` fetches them beside the digits.

ParamReL on binary digits, the same trained on partial evidence, and at equal budget its two
controls: the reading whose code has the decoder's own time, and a plain Bayesian Flow Network.
Default `ModelParams`, 1,000 steps of 128 of the 1,257 training images, seed 0, float32. data.dvc
keeps a card of each. In short, for the 360 test images, in nats per image:

| method            | bound on −ln p(x) | a shuffled code adds | probe on codes of s = 1 |
|-------------------|-------------------|----------------------|-------------------------|
| paramrel          | 24                | 160                  | 0.88                    |
| paramrel_evidence | 21                | 31                   | 0.88                    |
| paramrel_same     | 17                | 0                    | 0.61                    |
| bfn               | 17                |                      |                         |

They are too small and too few to compare methods by: that is what the study's runs are for.
And of `sentences` one transformer, trained on partial evidence, which 17_sequences looks at.
The same machine makes the same bytes again with

    python -m paramrel.study pretrain digits
    python -m paramrel.study pretrain sentences
    dvc add data && dvc push data
"""

from pathlib import Path

from paramrel.runs.run import FILE, Run, load_run

METHODS = {  # by the data they were trained on
    "digits": ("paramrel", "paramrel_evidence", "paramrel_same", "bfn"),
    "sentences": ("paramrel_evidence",),
}
SEED = 0
# Of an installed package, and of a clone, where `dvc pull data` fetches them.
FOLDERS = (Path(__file__).with_name("trained"), Path(__file__).parents[2] / "data" / "pretrained")


def load_pretrained(dataset: str = "digits", method: str = "paramrel") -> Run:
    """Return a trained model that comes with the package, on the CPU.

    Raises ValueError for one that there is not or whose file is damaged, FileNotFoundError where
    the file is missing, with the way to get it; nothing is fetched.

    >>> load_pretrained("digits", "bfn").key
    'digits-bfn-0'
    """
    if method not in METHODS.get(dataset, ()):
        there = "; ".join(f"{name}: {', '.join(methods)}" for name, methods in METHODS.items())
        raise ValueError(
            f"no pretrained {method!r} on {dataset!r} comes with the package ({there})"
        )
    name = f"{dataset}-{method}-{SEED}"
    path = next((path for path in FOLDERS if (path / name / FILE).is_file()), FOLDERS[-1]) / name
    if not (path / FILE).is_file():
        raise FileNotFoundError(
            f"{path / FILE} is missing; fetch it in a clone with `dvc pull data`, or make it anew "
            f"with `python -m paramrel.study pretrain {dataset}`"
        )
    try:
        return load_run(path)
    except ValueError as error:
        raise ValueError(
            f"{path / FILE} is damaged, or of other networks than these; restore it with `dvc pull "
            f"--force data`, or make it anew with `python -m paramrel.study pretrain {dataset}`"
        ) from error

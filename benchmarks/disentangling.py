"""What makes the scalars of a code follow the factors of the data: one change a rung.

`python benchmarks/disentangling.py [rung ...]`: of each seed and rung one training on drawn scenes
of 16×16 pixels, on one thread, and the scores of its codes; some minutes each. Rows that stand in
`results/disentangling.csv` are not measured again, so that it can be cut short and go on.

affine: the code of θ_1, without noise, scales and shifts features of the U-Net.
tokens: its scalars are tokens that blocks of at most 8×8 pixels attend to, as EncDiff's (Yang et
    al. 2024).
log_snr: and training times are even in the log-SNR. Each rung below changes one thing of it.
later, x, diffae: the code of a later θ_s, or of the data, or of the data in a diffusion.
kl, paper: the code is drawn, and pays its whole rate; or with the paper's γ and λ.
eight: of 8 scalars in place of 20.
long: three times as many steps.
pca, random_mix, rotated, circles: what frames the scores. The mix is of the true factors, the
    rotation of the codes of `log_snr`. A copy of the factors would score 1; circles are a copy
    with two scalars a hue, its cosine and sine, for no single one can hold a circle unbroken.
"""

import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from torch import Generator, Tensor

from paramrel import Dataset, ModelParams, TrainParams, load_dataset, train_run
from paramrel.data.subset import subset
from paramrel.measures.codes import code_splits
from paramrel.measures.disentangling import control_of
from paramrel.metrics.disentanglement import Table, dci
from paramrel.metrics.gaps import mig

RESULTS = Path(__file__).parent / "results"
SET, SEEDS, STEPS, SCORED = "scenes_16_continuous", (0, 1, 2), 1000, 3000
NETWORK = {"channels": (16, 32, 32), "blocks": (0, 1, 1), "code_dim": 20}
AFFINE = NETWORK | {"conditioning": "adagn"}
TOKENS = NETWORK | {"conditioning": "tokens"}
BASE = TOKENS | {"training_times": "log_snr"}
RUNGS = {
    "affine": ("paramrel_clean_deterministic", AFFINE, STEPS),
    "tokens": ("paramrel_clean_deterministic", TOKENS, STEPS),
    "log_snr": ("paramrel_clean_deterministic", BASE, STEPS),
    "later": ("paramrel_deterministic", BASE, STEPS),
    "x": ("paramrel_x_deterministic", BASE, STEPS),
    "diffae": ("diffae", BASE, STEPS),
    "kl": ("paramrel_clean", BASE | {"gamma": 0.0, "lambda": 0.0}, STEPS),
    "paper": ("paramrel_clean", BASE, STEPS),
    "eight": ("paramrel_clean_deterministic", BASE | {"code_dim": 8}, STEPS),
    "long": ("paramrel_clean_deterministic", BASE, 3 * STEPS),
}
KEY = ["set", "rung", "seed"]


def scores(train: Table, test: Table, seed: int) -> dict[str, float]:
    """Return D, C and I by either regressor, and the MIG of the test split."""
    row = {}
    for regressor in ("lasso", "boosting"):
        found = dci(train, test, regressor, Generator().manual_seed(seed)).row
        for name in ("disentanglement", "completeness", "informativeness"):
            row[f"{name}_{regressor}"] = found[name]
    return row | {"mig": mig(*test)["mig"], "n_train": len(train[0]), "n_test": len(test[0])}


def trained(data: Dataset, scored: Dataset, rung: str, seed: int) -> dict[str, dict[str, float]]:
    """Return the scores of a rung's codes, and what it was made of."""
    method, numbers, steps = RUNGS[rung]
    params = TrainParams(steps=steps, evaluations=4, optimizer="muon")
    start = time.perf_counter()
    run, _ = train_run(data, method, seed, ModelParams(**numbers), params)
    made = {"method": method, "steps": steps, "seconds": round(time.perf_counter() - start)}
    train, _, test = code_splits(run.model, scored, 1.0, seed)
    rows = {rung: made | of_codes(scored, train, test, seed)}
    if rung == "log_snr":
        controls = control_codes(scored, np.asarray(train), np.asarray(test), seed)
        rows |= {name: of_codes(scored, *codes, seed) for name, codes in controls.items()}
    return rows


def of_codes(data: Dataset, train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, float]:
    return scores((train, data.train.factors), (test, data.test.factors), seed)


def control_codes(
    data: Dataset, train: np.ndarray, test: np.ndarray, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return what frames the scores of codes (N, d) of the train and of the test split."""
    tables = (train, data.train.factors), (test, data.test.factors)
    pixels = [split.x.flatten(1).numpy() for split in (data.train, data.test)]
    pca = PCA(train.shape[1], random_state=seed).fit(pixels[0])
    return {
        "pca": tuple(map(pca.transform, pixels)),
        "random_mix": control_of("random_mix", *tables, seed),
        "rotated": control_of("random_rotation", *tables, seed),
        "circles": tuple(circles(data, split.factors) for split in (data.train, data.test)),
    }


def circles(data: Dataset, factors: Tensor) -> np.ndarray:
    """Return factors (N, F) as codes, each hue by its cosine and sine."""
    columns = []
    for name, size, values in zip(data.factors.names, data.factors.sizes, factors.T, strict=True):
        angle = 2 * np.pi * values.numpy() / size
        columns += [np.cos(angle), np.sin(angle)] if "hue" in name else [values.numpy()]
    return np.stack(columns, 1)


def main() -> None:
    torch.set_num_threads(1)
    path = RESULTS / "disentangling.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEY)
    data = load_dataset(SET)
    scored = subset(data, SCORED)
    for seed, rung in product(SEEDS, sys.argv[1:] or RUNGS):
        if (table[KEY] == (SET, rung, seed)).all(axis=1).any():
            continue
        for name, found in trained(data, scored, rung, seed).items():
            row = dict(zip(KEY, (SET, name, seed), strict=True)) | found
            print(row, flush=True)
            table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        table = table.astype({name: "Int64" for name in ("steps", "seconds", "n_train", "n_test")})
        table.round(4).to_csv(path, index=False)


if __name__ == "__main__":
    main()

"""The FactorVAE score: which code stays still when one factor is held."""

import math
from collections.abc import Callable

import numpy as np
import torch

from paramrel.data.arrays import Array, Row, as_array, as_codes, as_table

Draw = Callable[[int, int, torch.Generator], Array]  # factor, size, generator → codes (size, d)


def factor_vae_score(
    codes: Array,
    draw: Draw,
    factors: int,
    generator: torch.Generator,
    votes: tuple[int, int] = (10_000, 5_000),
    batch: int = 64,
) -> Row:
    """Score how surely the least varying code dimension names the factor that was held, in [0, 1].

    codes: (N, d), a sample in which all factors vary, for the scale of each dimension;
    draw(factor, size, generator) → codes (size, d) that share one random value of that factor;
    votes: (train, test). Dimensions with a standard deviation below 0.05 of the largest are left
    out. Floor: 1 / factors; NaN where all codes are constant. Source: Kim & Mnih, 2018.
    """
    codes = as_codes("codes", codes, 100)
    if factors < 2 or min(votes) < 10 * factors or batch < 2:
        raise ValueError(
            f"factors is {factors}, votes {votes}, batch {batch}; "
            "at least 2, 10 per factor and 2 are needed"
        )
    spread = codes.std(0)
    active = spread > 0.05 * spread.max()
    row = {
        "floor": 1 / factors,
        "votes_train": votes[0],
        "votes_test": votes[1],
        "batch": batch,
        "n": len(codes),
        "d": codes.shape[1],
        "active": int(active.sum()),
    }
    if not active.any():
        return {"factor_vae_score": math.nan, **row, "note": "all codes are constant"}
    held = torch.randint(factors, (sum(votes),), generator=generator).numpy()
    batches = (as_array("drawn codes", draw(int(f), batch, generator)) for f in held)
    still = np.array([(b[:, active].var(0) / spread[active] ** 2).argmin() for b in batches])
    counts = np.zeros((active.sum(), factors))
    np.add.at(counts, (still[: votes[0]], held[: votes[0]]), 1)
    right = counts.argmax(1)[still[votes[0] :]] == held[votes[0] :]
    return {"factor_vae_score": float(right.mean()), **row, "note": ""}


def draw_from_table(codes: Array, factors: Array) -> Draw:
    """Return a `draw` for `factor_vae_score` that resamples labelled codes (N, d), factors (N, F).

    Exact where the factors are independent in the table; elsewhere their dependence enters.
    """
    codes, factors = as_table("the", (codes, factors))
    pools = [[np.flatnonzero(column == v) for v in np.unique(column)] for column in factors.T]

    def draw(factor: int, size: int, generator: torch.Generator) -> np.ndarray:
        value = int(torch.randint(len(pools[factor]), (), generator=generator))
        pool = pools[factor][value]
        return codes[pool[torch.randint(len(pool), (size,), generator=generator).numpy()]]

    return draw

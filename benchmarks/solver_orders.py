"""Which order, grid and start η draw known digits most evenly in few steps: a table.

`python benchmarks/solver_orders.py [digits|digits_discretized|digits_continuous]`: a minute.
Out of 300 images; 1,000 perfect samples would show 300 ± 15 (two standard deviations).
"""

import sys
from functools import partial
from itertools import product

import pandas as pd

from paramrel.data import load_dataset
from paramrel.flows import CategoricalFlow, DiscretizedFlow, GaussianFlow
from paramrel.measures.messages import sampling_laws
from paramrel.solvers import ancestral, bfn_solver, exact_predictor

FLOWS = {
    "digits": CategoricalFlow(2),
    "digits_discretized": DiscretizedFlow(17, sigma_1=0.02),
    "digits_continuous": GaussianFlow(sigma_1=0.02),
}
STEPS = [3, 5, 10, 20]


def solver_table(name: str) -> pd.DataFrame:
    """Effective number of images of every solver (rows) in so many steps (columns)."""
    flow, data = FLOWS[name], load_dataset(name).train.x[:300]
    solvers = {"ancestral": ancestral}
    for order, sde, grid, eta in product(
        (1, 2), (False, True), ("uniform", "log_snr"), (1e-2, 1e-3, 1e-4)
    ):
        row = f"{'SDE' if sde else 'ODE'} order {order}, {grid}, η = {eta:g}"
        solvers[row] = partial(bfn_solver, order=order, stochastic=sde, grid=grid, eta=eta)
    laws = sampling_laws(flow, exact_predictor(flow, data), data, solvers, STEPS, 1000, seed=0)
    return laws.pivot(index="solver", columns="n", values="images").loc[list(solvers)].round()


if __name__ == "__main__":
    for name in sys.argv[1:] or FLOWS:
        print(f"{name}\n{solver_table(name).to_string()}\n")

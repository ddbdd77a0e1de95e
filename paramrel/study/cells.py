"""The cells of a grid of methods and weights: which trainings they are, and where they lie."""

from itertools import islice, product

from paramrel.runs.record import PLACE, fingerprint
from paramrel.study.params import AblationParams, Cell, StudyParams
from paramrel.study.paths import stem


def short_cells(
    grid: AblationParams, params: StudyParams, steps: int = 0, cells: int = 0
) -> list[Cell]:
    """Return every cell of a grid, in its order; params: all that the grid does not say.

    steps, cells: fewer training steps, the first cells only; 0 for those of the grid.
    """
    train = params.train.model_copy(update={"steps": steps or grid.steps, "evaluations": 1})
    everything = product(grid.datasets, grid.methods, grid.seeds, grid.lambdas, grid.gammas)
    return [
        Cell(*run, params.model.model_copy(update={"gamma": gamma, "lambda_": lambda_}), train)
        for *run, lambda_, gamma in islice(everything, cells or None)
    ]


def long_cells(grid: AblationParams, params: StudyParams, steps: int = 0) -> list[Cell]:
    """Return each method of a grid once, on its first data set, with the weights of `model`.

    steps: fewer than those of `train`; 0 for all of them.
    """
    train = params.train.model_copy(update={"steps": steps, "evaluations": 4} if steps else {})
    dataset, seed = grid.datasets[0], grid.seeds[0]
    return [Cell(dataset, method, seed, params.model, train) for method in grid.methods]


def cell_name(cell: Cell) -> str:
    """Return the folder of a cell: another weight or number of steps has another one."""
    numbers = [cell.model.model_dump(by_alias=True), cell.train.model_dump(exclude=PLACE)]
    hashed = fingerprint(numbers)[:12]
    return f"{stem(cell.dataset)}-{cell.method}-{cell.seed}-{hashed}"


def grid_cells(name: str, params: StudyParams) -> dict[str, Cell]:
    """Return all cells of a grid of params.yaml by their folders."""
    grid = getattr(params, name)
    cells = short_cells(grid, params)
    if name == "code_time":
        cells += long_cells(grid, params)
    return {cell_name(cell): cell for cell in cells}

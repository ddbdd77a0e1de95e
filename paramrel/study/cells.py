"""The cells of a grid: which trainings they are, and where they lie."""

from itertools import islice, product
from operator import attrgetter

from paramrel.runs.record import PLACE, fingerprint
from paramrel.study.params import AblationParams, Cell, StudyParams, TrialParams, changed
from paramrel.study.paths import stem


def short_cells(
    grid: AblationParams | TrialParams, params: StudyParams, steps: int = 0, cells: int = 0
) -> list[Cell]:
    """Return every cell of a grid, seed by seed; what it does not vary is that of `model`.

    steps, cells: fewer training steps, the first cells only; 0 for those of the grid.
    """
    train = params.train.model_copy(update={"steps": steps or grid.steps, "evaluations": 1})
    everything = (
        (dataset, method, seed, dict(zip(lists, numbers, strict=True)))
        for dataset, seed, (method, lists) in product(grid.datasets, grid.seeds, grid.groups)
        for numbers in product(*lists.values())
    )
    return [
        Cell(*run, changed(params.model, numbers), train)
        for *run, numbers in islice(everything, cells or None)
    ]


def long_cells(grid: AblationParams, params: StudyParams, steps: int = 0) -> list[Cell]:
    """Return each method of a grid once, on its first data set, as the study trains it.

    steps: fewer than those of `train`; 0 for all of them.
    """
    train = params.train.model_copy(update={"steps": steps, "evaluations": 4} if steps else {})
    dataset, seed = grid.datasets[0], grid.seeds[0]
    return [
        Cell(dataset, method, seed, params.model_of(dataset, method), train)
        for method in grid.methods
    ]


def cell_name(cell: Cell) -> str:
    """Return the folder of a cell: another weight or number of steps has another one."""
    numbers = [cell.model.model_dump(by_alias=True), cell.train.model_dump(exclude=PLACE)]
    hashed = fingerprint(numbers)[:12]
    return f"{stem(cell.dataset)}-{cell.method}-{cell.seed}-{hashed}"


def grid_cells(name: str, params: StudyParams) -> dict[str, Cell]:
    """Return all cells of a grid of params.yaml by their folders; name: of `GRIDS`."""
    grid = attrgetter(name)(params)
    cells = short_cells(grid, params)
    if name == "code_time":
        cells += long_cells(grid, params)
    return {cell_name(cell): cell for cell in cells}

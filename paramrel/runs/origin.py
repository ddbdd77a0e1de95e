"""Which run and which parameters a row of numbers comes from."""

import hashlib

from pydantic import BaseModel

from paramrel.runs.run import Run


def origin(run: Run, *params: BaseModel) -> dict[str, str | int]:
    """Return the columns that every row of a run's numbers starts with; params: `fingerprint`."""
    return {
        "dataset": run.dataset,
        "method": run.method,
        "seed": run.seed,
        "parameters_sha256": fingerprint(run, *params),
    }


def fingerprint(run: Run, *params: BaseModel) -> str:
    """Return the SHA-256 of all the numbers that a row depends on; params: of its measurement."""
    numbers = [part.model_dump_json() for part in (run.model.params, run.train, *params)]
    return hashlib.sha256("".join(numbers).encode()).hexdigest()

"""Where a number comes from: the run, the parameters and the state of the code."""

import hashlib
import subprocess

import yaml
from pydantic import BaseModel

from paramrel.paths import study_root
from paramrel.runs import Run


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


def code_revision(stage: str) -> str:
    """Return the last commit that changed the code which a stage of dvc.yaml depends on.

    "+" follows where that code has changes that are not committed; empty outside a git repository.
    A commit of results, or of code that the stage never runs, changes nothing: a regeneration
    gives the same name.
    """
    root = study_root()
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    code = [path for path in stages[stage]["deps"] if path.startswith("paramrel/")]
    commit = _git("log", "-1", "--format=%H", "--", *code)
    return commit + "+" * bool(commit and _git("status", "--porcelain", "--", *code))


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=study_root(), capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return ""
    return done.stdout.strip()

"""Where a number comes from: the run, the parameters and the state of the code."""

import subprocess

import yaml

from paramrel.study.paths import study_root


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

"""Where a number comes from: the study, its parameters and the state of the code."""

import subprocess

import yaml

from paramrel.runs.record import CODE, fingerprint
from paramrel.study.params import plain_values
from paramrel.study.paths import study_root


def provenance(stage: str) -> dict[str, str]:
    """Return the study's name, the SHA-256 of its parameters and the revision of its code.

    Of the parameters and the code that a stage of dvc.yaml depends on, by itself or by way of the
    runs that it reads: a change of others changes no name.
    """
    values = plain_values(study_root() / "params.yaml")
    used = {name: _part(values, name) for name in _stage(stage).get("params", ())}
    return {
        "study": values["study"],
        "parameters_sha256": fingerprint(used),
        "git_revision": code_revision(stage),
    }


def code_revision(stage: str) -> str:
    """Return the last commit that changed the code which a stage of dvc.yaml depends on.

    That includes the rooms that runs are made by. "+" follows where that code has changes that are
    not committed; empty outside a git repository, and where a shallow clone begins with that
    commit, for an earlier one may be meant. A commit of results, or of code that the stage never
    runs, changes nothing: a regeneration gives the same name.
    """
    deps = [path for path in _stage(stage)["deps"] if path.startswith("paramrel/")]
    code = sorted({*deps, *(f"paramrel/{room}" for room in CODE)})
    commit = _git("log", "-1", "--format=%H", "--", *code)
    if not commit or commit in _cut_off():
        return ""
    return commit + "+" * bool(_git("status", "--porcelain", "--", *code))


def _stage(name: str) -> dict:
    text = (study_root() / "dvc.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["stages"][name]


def _part(values: dict, name: str) -> object:
    """evaluate.examples is a part of a section."""
    for word in name.split("."):
        values = values[word]
    return values


def _cut_off() -> set[str]:
    """The commits that a shallow clone begins with."""
    path = study_root() / (_git("rev-parse", "--git-path", "shallow") or "none")
    return set(path.read_text().split()) if path.is_file() else set()


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=study_root(), capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return ""
    return done.stdout.strip()

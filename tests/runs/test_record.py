"""A run's recipe changes with everything that its numbers depend on."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import torch

from paramrel.runs.record import CODE, git_revision, weights_hash

ROOT = Path(__file__).parents[2]
# Imported by a training, but of no influence on its numbers beyond the values in the recipe.
HARMLESS = {"__init__.py", "files.py", "params.py", "paths.py", "plain_yaml.py", "signals.py"}


@cache
def modules_of(module):
    """Return the files that importing a module of the package reads, as told from its folder."""
    command = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    words = [sys.executable, "-c", command]
    names = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    paths = [name.split(".")[1:] for name in names.split() if name.startswith("paramrel.")]
    files = [Path(*path) for path in paths]
    return {
        f"{file}/__init__.py" if (ROOT / "paramrel" / file).is_dir() else f"{file}.py"
        for file in files
    }


def test_the_recipe_has_the_code_of_every_module_that_a_training_imports():
    files = {file.split("/")[0] for file in modules_of("paramrel.training.loop")}
    assert files - HARMLESS <= set(CODE)
    assert all((ROOT / "paramrel" / name).exists() for name in CODE)


def test_the_hash_of_weights_knows_names_types_shapes_and_every_bit():
    weights = {"a": torch.zeros(2, 3), "b": torch.ones(2)}
    others = [
        {"a": torch.zeros(2, 3), "c": torch.ones(2)},
        {"a": torch.zeros(3, 2), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3), "b": torch.ones(2).double()},
        {"a": -torch.zeros(2, 3), "b": torch.ones(2)},
    ]
    assert len({weights_hash(each) for each in (weights, *others)}) == 5
    assert weights_hash(dict(reversed(weights.items()))) == weights_hash(weights)


def test_a_repository_has_a_revision_and_an_installed_package_none(monkeypatch, tmp_path):
    monkeypatch.setattr("paramrel.runs.record.PACKAGE", tmp_path)
    assert git_revision() == {"commit": None, "modified": None}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "record.py").write_text("one")
    for words in (["init", "-q"], ["add", "runs"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    clean = git_revision()
    assert len(clean["commit"]) == 40 and clean["modified"] is False
    (tmp_path / "runs" / "record.py").write_text("two")
    assert git_revision() == clean | {"modified": True}

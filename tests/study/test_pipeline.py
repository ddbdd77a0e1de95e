"""dvc.yaml: a stage depends on all the code that its numbers depend on, and on no other."""

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from dvc.repo import Repo

from paramrel.runs.record import CODE
from paramrel.study.params import load_params

ROOT = Path(__file__).parents[2]
TRAINING = {"train_ahead", "train_ahead_types", "train_ahead_factors", "train_ahead_mixed", "cells"}
# Files that stages import and that change no number; each with its reason.
PLUMBING = {
    "__init__.py": "names what its files hold",
    "__main__.py": "reads the command line",
    "measures/config.py": "checks numbers that a stage names by itself, as `params`",
    "study/asked.py": "checks parameters of notebooks, which dvc.yaml states",
    "study/notebooks.py": "strips and cleans notebooks",
    "study/params.py": "checks params.yaml, which a stage names by itself",
    "study/paths.py": "names files",
    "study/plain_yaml.py": "reads params.yaml",
    "study/provenance.py": "says where a number comes from",
    "study/results.py": "writes and reads files",
    "study/runs.py": "finds runs",
    "study/studies.py": "writes params.yaml",
    "training/checkpoint.py": "writes files",
    "training/config.py": "checks numbers of params.yaml, which a run holds",
    "training/devices.py": "limits threads, whose number a stage names by itself",
}
IMPORTER = """
import json, os, sys, tempfile
import matplotlib.pyplot, pandas, seaborn, sklearn.linear_model, torch, torchvision
found, wanted = {}, json.load(sys.stdin)
for stage, text in wanted.items():
    with tempfile.TemporaryFile("w+") as file:
        if os.fork() == 0:
            exec(text, {})
            paths = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "paramrel"]
            json.dump(paths, file)
            file.flush()
            os._exit(0)
        if os.wait()[1]:
            sys.exit(f"{stage} cannot be imported")
        file.seek(0)
        found[stage] = json.load(file)
print(json.dumps(found))
"""


def imports_in(text):
    """Return all import statements of a program, wherever they stand."""
    nodes = ast.walk(ast.parse(text))
    return [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imports_of(command):
    """Return what a command of dvc.yaml imports: a notebook, or a command of a room."""
    words = shlex.split(command)
    if words[0] == "papermill":
        notebook = nbformat.read(ROOT / "notebooks" / Path(words[1]).name, as_version=4)
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        return imports_in("\n".join(cells))
    assert words[:2] == ["python", "-m"]
    main = ROOT.joinpath(*words[2].split("."), "__main__.py").read_text(encoding="utf-8")
    functions = {f.name: f for f in ast.parse(main).body if isinstance(f, ast.FunctionDef)}
    chosen = functions.get(words[3]) if words[2] == "paramrel.study" else ast.parse(main)
    return ["from paramrel.study.params import load_params", *imports_in(ast.unparse(chosen))]


@pytest.fixture(scope="module")
def stages():
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture(scope="module")
def imported(stages):
    """The files of the package that each stage imports, told from its folder."""
    if not hasattr(os, "fork"):
        pytest.skip("needs a system that forks")
    wanted = {}
    for name, stage in stages.items():
        commands = [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]
        lines = [line for command in commands for line in imports_of(command)]
        wanted[name] = "\n".join(dict.fromkeys(lines))
    command = [sys.executable, "-c", IMPORTER]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(
        command, input=json.dumps(wanted), capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    package = ROOT / "paramrel"
    return {
        stage: {Path(path).relative_to(package).as_posix() for path in paths}
        for stage, paths in json.loads(done.stdout).items()
    }


def covered(stage):
    """Return the rooms and files that a stage depends on, by itself or by way of runs."""
    deps = stage["deps"]
    code = [path.removeprefix("paramrel/") for path in deps if path.startswith("paramrel/")]
    by_runs = any(path.startswith(("results/${study}/runs/", "results/${study}/cells/")) for path in deps)
    return [*code, *(CODE if by_runs else ())]


def is_plumbing(file):
    return file in PLUMBING or Path(file).name in ("__init__.py", "__main__.py")


def test_every_stage_depends_on_all_that_it_imports(stages, imported):
    missing = {
        (name, file)
        for name, stage in stages.items()
        if name not in ("sources", "report")
        for file in imported[name]
        if not is_plumbing(file)
        and not any(file == path or file.startswith(f"{path}/") for path in covered(stage))
    }
    assert sorted(missing) == []

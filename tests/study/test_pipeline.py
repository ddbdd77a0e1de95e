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
from paramrel.study.paths import stem

ROOT = Path(__file__).parents[2]
TRAINING = {"train_ahead", "train_ahead_types", "train_ahead_factors", "train_ahead_mixed", "cells"}
# Files that stages import and that change no number; each with its reason.
PLUMBING = {
    "__init__.py": "names what its files hold",
    "__main__.py": "reads the command line",
    "measures/config.py": "checks numbers that a stage names by itself, as `params`",
    "study/asked.py": "checks parameters of notebooks, which dvc.yaml states",
    "study/durations.py": "says how long trainings will take",
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
# Imported once; each stage's own imports then take a moment.
PRELOADED = (
    "IPython.display joblib lightning_fabric matplotlib.pyplot nbclient pandas scipy.io seaborn "
    "sklearn.datasets sklearn.ensemble sklearn.manifold torch torchmetrics torchvision"
).split()
IMPORTER = """
import json, os, sys, tempfile
import importlib
for name in PRELOADED:
    importlib.import_module(name)
found = {}
for text in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as file:
        if os.fork() == 0:
            exec(text, {})
            paths = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "paramrel"]
            json.dump(paths, file)
            file.flush()
            os._exit(0)
        if os.wait()[1]:
            sys.exit("this cannot be imported: " + text)
        file.seek(0)
        found[text] = json.load(file)
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
    if words[2] != "paramrel.study":
        return imports_in(main)
    chosen = ast.unparse(functions[words[3]])  # and what stands above it is plumbing
    return ["from paramrel.study.studies import use_study", *imports_in(chosen)]


@pytest.fixture(scope="module")
def stages():
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture(scope="module")
def imported(stages):
    """The files of the package that each stage imports, told from its folder."""
    if not hasattr(os, "fork"):
        pytest.skip("needs a system that forks")
    texts = {}
    for name, stage in stages.items():
        commands = [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]
        lines = [line for command in commands for line in imports_of(command)]
        texts[name] = "\n".join(dict.fromkeys(lines))
    command = [sys.executable, "-c", f"PRELOADED = {PRELOADED}\n{IMPORTER}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(
        command,
        input=json.dumps(sorted({*texts.values()})),
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    package, files = ROOT / "paramrel", json.loads(done.stdout)
    return {
        stage: {Path(path).relative_to(package).as_posix() for path in files[text]}
        for stage, text in texts.items()
    }


def covered(stage):
    """Return the rooms and files that a stage depends on, by itself or by way of runs."""
    deps = stage["deps"]
    code = [path.removeprefix("paramrel/") for path in deps if path.startswith("paramrel/")]
    by_runs = any(
        path.startswith(("results/${study}/runs/", "results/${study}/cells/")) for path in deps
    )
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


def test_no_more_files_are_called_plumbing_than_there_are():
    files = {
        path.relative_to(ROOT / "paramrel").as_posix() for path in ROOT.glob("paramrel/**/*.py")
    }
    assert {
        file for file in PLUMBING if file not in files | {"__init__.py", "__main__.py"}
    } == set()


def test_only_trainings_depend_on_how_a_run_is_trained_and_none_on_how_it_is_measured(stages):
    of_training = {name for name, stage in stages.items() if "paramrel/training" in stage["deps"]}
    assert of_training == TRAINING
    below = {"solvers", "tasks", "metrics", "measures", "figures"}
    for name in TRAINING:
        rooms = {path.split("/")[1] for path in stages[name]["deps"] if path.startswith("paramrel")}
        assert rooms == {*CODE, "study"}
    assert not below & {*CODE}


def test_what_a_training_imports_is_in_its_recipe(imported):
    files = {
        file.split("/")[0] for name in TRAINING for file in imported[name] if not is_plumbing(file)
    }
    assert files == {*CODE, "study"}


def test_what_is_trained_stays_where_its_stage_runs_again(stages):
    for name in TRAINING:
        (out,) = stages[name]["outs"]
        assert list(out.values()) == [{"push": False, "persist": True}]


def test_a_stage_reads_runs_of_its_own_data_set_alone():
    for stage in Repo(ROOT).index.stages:
        if "@" not in (getattr(stage, "name", None) or ""):
            continue
        dataset = stage.name.split("@")[1].split("-")[0]
        runs = [dep.def_path for dep in stage.deps if "/runs/" in dep.def_path]
        assert [path for path in runs if path.split("/runs/")[1].split("/")[0] != dataset] == []


def test_a_stage_names_the_parameters_of_the_runs_that_it_reads(stages):
    for name, stage in stages.items():
        if any("/runs/" in dep or "/cells/" in dep for dep in stage["deps"]):
            assert {"model", "tuned", "train"} <= {*stage["params"]}, name


def test_all_that_stages_make_lies_in_the_folder_of_the_study():
    folder = f"results/{load_params(ROOT / 'params.yaml').study}/"
    outs = [
        out
        for stage in Repo(ROOT).index.stages
        if stage.is_data_source is False
        for out in stage.outs
    ]
    assert outs and all(str(out.def_path).startswith(folder) for out in outs)


@pytest.mark.parametrize("name", ["image_folder:photos,size=16", "text:book.txt,length=32,lower"])
def test_data_of_ones_own_make_stages_that_dvc_can_read(tmp_path, name):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(
        text.replace("datasets: [digits] ", f'datasets: ["{name}"] ', 1), encoding="utf-8"
    )
    assert load_params(tmp_path / "params.yaml").datasets == (name,)
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    Repo.init(tmp_path, no_scm=True)
    repo = Repo(tmp_path)
    stages = {stage.name: stage for stage in repo.index.stages}
    made = [out.def_path for out in stages[f"robust@{name}"].outs]
    assert f"results/digits/tables/robust_{name}.csv" in made
    assert stem(name) == name

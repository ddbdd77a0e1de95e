"""The names of the run, the parameters and the code that made a number."""

import os
import re
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import yaml
from PIL import Image

from paramrel.data import load_dataset
from paramrel.measures.config import GenerateParams
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.study.provenance import code_revision, provenance
from paramrel.study.results import read_json, read_table, write_figure, write_json, write_table
from paramrel.training.config import TrainParams

ROOT = Path(__file__).parents[2]
STAGES = "stages: {measure: {cmd: 'true', params: [a, b.c], deps: [data, paramrel/a.py]}}\n"
PARAMS = "{study: tiny, a: 1, b: {c: 2, d: 3}}"


def git(*words):
    settings = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *settings, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A repository whose stage depends on one of two modules, each committed once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "paramrel").mkdir()
    git("init", "--quiet")
    for name in ("a", "b"):
        (tmp_path / "paramrel" / f"{name}.py").write_text(name)
        git("add", ".")
        git("commit", "--quiet", "-m", name)
    return tmp_path


def test_the_revision_is_the_last_commit_of_the_code_that_the_stage_depends_on(study):
    assert code_revision("measure") == git("rev-parse", "HEAD~1")


def test_uncommitted_changes_of_that_code_alone_are_marked(study):
    (study / "paramrel" / "b.py").write_text("other")
    assert not code_revision("measure").endswith("+")
    (study / "paramrel" / "a.py").write_text("other")
    assert code_revision("measure") == git("rev-parse", "HEAD~1") + "+"


def test_outside_a_repository_there_is_no_revision(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text(STAGES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_revision("measure") == ""


def test_in_a_shallow_clone_the_first_commit_is_not_taken_for_the_last_change(study, tmp_path):
    copy = tmp_path / "copy"
    git("clone", "--quiet", "--depth", "1", f"file://{study}", str(copy))
    os.chdir(copy)
    assert code_revision("measure") == ""
    (copy / "paramrel" / "a.py").write_text("newer")
    git("commit", "--quiet", "-am", "newer")
    assert code_revision("measure") == git("rev-parse", "HEAD")


def test_every_row_json_and_figure_of_a_stage_says_study_parameters_and_revision(study):
    names = provenance("measure")
    assert names["study"] == "tiny" and names["git_revision"] == git("rev-parse", "HEAD~1")
    write_table(pd.DataFrame({"a": [1.5, 2.5]}), study / "t.csv", "measure")
    assert read_table(study / "t.csv").drop(columns="a").to_dict("records") == [names, names]
    write_json({"a": 1}, study / "r.json", "measure")
    assert read_json(study / "r.json") == {"a": 1} | names
    write_figure(plt.figure(), study / "f.png", "measure")
    with Image.open(study / "f.png") as image:
        assert names.items() <= image.text.items()
    write_table(pd.DataFrame({"a": [1.5]}), study / "t.csv")
    assert list(read_table(study / "t.csv")) == ["a"]


def test_a_row_that_says_of_which_parameters_it_is_keeps_them_and_others_get_the_stage_s(study):
    write_table(pd.DataFrame({"parameters_sha256": ["own", None]}), study / "t.csv", "measure")
    of_stage = provenance("measure")["parameters_sha256"]
    assert read_table(study / "t.csv")["parameters_sha256"].tolist() == ["own", of_stage]


def test_only_parameters_that_a_stage_depends_on_change_their_hash(study):
    before = provenance("measure")["parameters_sha256"]
    (study / "params.yaml").write_text(PARAMS.replace("d: 3", "d: 4"))
    assert provenance("measure")["parameters_sha256"] == before
    (study / "params.yaml").write_text(PARAMS.replace("c: 2", "c: 4"))
    assert provenance("measure")["parameters_sha256"] != before


def test_every_file_of_a_notebook_names_the_stage_that_runs_it():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, nbformat.current_nbformat).cells
        source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        files = re.findall(
            r'write_(?:table|figure|json)\([^"]+"\{out\}/[^"]+"(?:, "(\w+)")?\)', source
        )
        for stage in files if path.stem != "01_data" else ():  # which no stage runs
            assert f"results/${{study}}/sources/{path.name}" in stages[stage]["deps"]


def test_another_parameter_of_the_run_or_of_its_measurement_is_another_fingerprint():
    data = load_dataset("digits")

    def named(code_dim, pairs):
        model = ModelParams(channels=(8, 16), code_dim=code_dim)
        run = Run(
            "digits", "paramrel", 3, build_model("paramrel", data.variables, model), TrainParams()
        )
        return origin(run, GenerateParams(pairs=pairs))

    assert named(4, 70) == named(4, 70) and named(4, 70)["seed"] == 3
    rows = [named(4, 70), named(5, 70), named(4, 80)]
    assert len({row["parameters_sha256"] for row in rows}) == 3

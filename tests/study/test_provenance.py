"""The names of the run, the parameters and the code that made a number."""

import re
import subprocess
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

from paramrel.data import load_dataset
from paramrel.measures.config import GenerateParams
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.study.provenance import code_revision
from paramrel.study.results import read_json, read_table, write_json, write_table
from paramrel.training.config import TrainParams

ROOT = Path(__file__).parents[2]
STAGES = "stages: {measure: {cmd: 'true', deps: [data, paramrel/a.py]}}\n"


def git(*words):
    settings = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *settings, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A repository whose stage depends on one of two modules, each committed once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(STAGES)
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


def test_every_row_and_every_json_of_a_stage_says_the_revision(study):
    write_table(pd.DataFrame({"a": [1.5, 2.5]}), study / "t.csv", "measure")
    assert (read_table(study / "t.csv")["git_revision"] == git("rev-parse", "HEAD~1")).all()
    write_json({"a": 1}, study / "r.json", "measure")
    assert read_json(study / "r.json") == {"a": 1, "git_revision": git("rev-parse", "HEAD~1")}
    write_table(pd.DataFrame({"a": [1.5]}), study / "t.csv")
    assert list(read_table(study / "t.csv")) == ["a"]


def test_every_table_of_a_notebook_names_the_stage_that_runs_it():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, nbformat.current_nbformat).cells
        source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        tables = re.findall(r'write_table\(\w+, f"\{out\}/tables/[^"]+"(?:, "(\w+)")?\)', source)
        for stage in tables if path.stem != "14_report" else ():  # it only prints them
            assert f"results/sources/{path.name}" in stages[stage]["deps"]
            assert "paramrel/provenance.py" in stages[stage]["deps"]


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

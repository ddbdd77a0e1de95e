"""What `pytest --nbval` compares: a changed result fails, another time or picture does not."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

ROOT = Path(__file__).parents[1]


def outcome(path, monkeypatch):
    """Return the exit status and the report of the suite's own command on one notebook."""
    monkeypatch.chdir(path.parent)
    options = ["--nbval", "--numprocesses=0", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT]
    sanitize = ["--nbval-sanitize-with", ROOT / "tests" / "nbval.cfg"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *sanitize, path], capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("old", "new"), [("", ""), ("1257 training", "1258 training")])
def test_a_changed_result_of_a_notebook_of_the_study_fails(tmp_path, monkeypatch, old, new):
    for name in ("dvc.yaml", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    notebook = nbformat.read(ROOT / "notebooks" / "03_train.ipynb", as_version=4)
    printing = next(
        i for i, c in enumerate(notebook.cells) if "1257 training" in str(c.get("outputs"))
    )
    notebook.cells = notebook.cells[: printing + 1]
    (printed,) = notebook.cells[printing].outputs
    printed.text = printed.text.replace(old, new)
    nbformat.write(notebook, tmp_path / "train.ipynb")
    status, report = outcome(tmp_path / "train.ipynb", monkeypatch)
    assert (status, "1 failed" in report) == ((1, True) if old else (0, False)), report
    assert "passed" in report and (not old or "1258 training" in report)


@pytest.mark.parametrize(
    ("source", "stored", "status"),
    [
        ("print('it took 3.2 s')", "it took 4.1 s\n", 0),
        ("print('loss', 3.2)", "loss 4.1\n", 1),
        ("print(3.2)", "", 1),
    ],
)
def test_a_time_may_differ_a_number_may_not(tmp_path, monkeypatch, source, stored, status):
    output = [v4.new_output("stream", text=stored)] * bool(stored)
    cell = v4.new_code_cell(source, outputs=output, execution_count=1)
    path = tmp_path / "small.ipynb"
    nbformat.write(v4.new_notebook(cells=[cell]), path)
    assert outcome(path, monkeypatch)[0] == status


def test_a_picture_may_differ(tmp_path, monkeypatch):
    figure = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"
    picture = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"}
    cell = v4.new_code_cell(
        figure, outputs=[v4.new_output("display_data", data=picture)], execution_count=1
    )
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "figure.ipynb")
    status, report = outcome(tmp_path / "figure.ipynb", monkeypatch)
    assert status == 0, report

"""What every notebook of the study keeps, and what the pipeline may pass to it."""

import ast
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from dvc.repo import Repo

from paramrel.study.notebooks import KERNEL

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
MACHINE_PATH = re.compile(rf"/(home|root|Users|tmp|var|opt|usr)/|[A-Z]:\\|{re.escape(str(ROOT))}")
LARGEST = 200_000  # bytes

every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def parameters(path: Path) -> dict[str, object]:
    """Return the names and the values of the parameters cell; raises unless all are literals."""
    statements = ast.parse(code_cells(path)[0].source).body
    return {s.targets[0].id: ast.literal_eval(s.value) for s in statements}


def passed_parameters() -> list[tuple[str, str, str]]:
    """Return (notebook, name, value) of each `-p name value` after `papermill` in dvc.yaml."""
    found = []
    for stage in Repo(ROOT).index.stages:
        commands = [stage.cmd] if isinstance(stage.cmd, str) else stage.cmd or []
        for words in map(shlex.split, commands):
            if "papermill" in words:
                notebook = Path(words[words.index("papermill") + 1]).name
                options = [i for i, word in enumerate(words) if word == "-p"]
                found += [(notebook, words[i + 1], words[i + 2]) for i in options]
    return found


def test_the_study_has_notebooks():
    assert PATHS


@every_notebook
def test_a_notebook_is_valid_small_and_runs_on_python(path):
    nbformat.validate(read(path))
    assert path.stat().st_size < LARGEST
    assert read(path).metadata == {"kernelspec": KERNEL}


@every_notebook
def test_a_notebook_begins_with_its_title(path):
    first = read(path).cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")


@every_notebook
def test_the_first_code_cell_and_no_other_holds_the_parameters_as_literals(path):
    tagged = [
        i for i, c in enumerate(code_cells(path)) if "parameters" in c.metadata.get("tags", [])
    ]
    assert tagged == [0]
    assert parameters(path)


@every_notebook
def test_a_notebook_was_run_from_top_to_bottom_without_an_error(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [o for cell in cells for o in cell.outputs if o.output_type == "error"] == []


@every_notebook
def test_cells_carry_no_metadata_but_tags(path):
    assert {key for cell in read(path).cells for key in cell.metadata} <= {"tags"}


@every_notebook
def test_no_output_tells_a_path_of_the_machine_that_made_it(path):
    texts = [
        text
        for cell in code_cells(path)
        for output in cell.outputs
        for text in (output.get("text", ""), *output.get("data", {}).values())
        if not str(text).startswith("iVBOR")  # a PNG in base64
    ]
    assert [text for text in texts if MACHINE_PATH.search(str(text))] == []


def test_the_pipeline_passes_only_parameters_that_the_notebook_has():
    passed = passed_parameters()
    assert passed
    assert [(n, name) for n, name, _ in passed if name not in parameters(FOLDER / n)] == []


def test_the_pipeline_passes_no_yaml_boolean():
    """papermill would hand it on as the string "true"."""
    assert [row for row in passed_parameters() if row[2].lower() in {"true", "false"}] == []


@every_notebook
def test_a_notebook_gives_no_other_meaning_to_a_name_that_it_imports(path):
    tree = ast.parse("\n".join(cell.source for cell in code_cells(path)))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    assert imported & {node.id for node in names if isinstance(node.ctx, ast.Store)} == set()

"""The commands of paramrel.study.notebooks, on small notebooks made here."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from paramrel.study import notebooks
from paramrel.study.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study root with an empty notebooks folder, as the working directory."""
    (tmp_path / "dvc.yaml").touch()
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, *cells, **metadata):
    nbformat.write(v4.new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def stream(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def executed(*outputs, count=1):
    return v4.new_code_cell("run()", outputs=list(outputs), execution_count=count)


def cleaned(study, cell):
    path = write(study / "run.ipynb", cell)
    main(["clean", str(path)])
    return notebooks.read_notebook(path).cells[0].outputs


def test_sources_depend_on_source_and_tags_alone(study):
    def source(count, text):
        tagged = v4.new_code_cell("run()", execution_count=count, outputs=[stream(text)])
        tagged.metadata = {"tags": ["parameters"], "papermill": {"duration": count}}
        write(study / "notebooks" / "a.ipynb", v4.new_markdown_cell("# A"), tagged, widgets={})
        main(["sources"])
        return (study / "results" / "digits" / "sources" / "a.ipynb").read_bytes()

    stripped = source(1, "one")
    assert source(7, "two") == stripped
    cell = nbformat.reads(stripped.decode(), as_version=4).cells[1]
    assert (cell.source, cell.metadata, cell.outputs, cell.execution_count) == (
        "run()",
        {"tags": ["parameters"]},
        [],
        None,
    )


def test_sources_forget_a_notebook_that_is_gone(study):
    gone = write(study / "notebooks" / "gone.ipynb", v4.new_markdown_cell("# Gone"))
    main(["sources"])
    gone.unlink()
    main(["sources"])
    assert list((study / "results" / "digits" / "sources").iterdir()) == []


def test_clean_keeps_outputs_and_counts_and_drops_the_rest(study):
    cell = executed(stream("loss 1.23\n"), count=3)
    cell.metadata = {"papermill": {"duration": 0.1}, "tags": []}
    path = write(study / "run.ipynb", cell, papermill={"duration": 2}, language_info={"name": "x"})
    main(["clean", str(path)])
    notebook = notebooks.read_notebook(path)
    assert notebook.metadata == {"kernelspec": notebooks.KERNEL}
    assert notebook.cells == [{**cell, "id": "cell-0", "metadata": {}}]


def test_cleaning_twice_changes_nothing(study):
    path = write(study / "run.ipynb", v4.new_markdown_cell("# A"), executed(stream("one\n")))
    main(["clean", str(path)])
    once = path.read_bytes()
    main(["clean", str(path)])
    assert path.read_bytes() == once


def test_a_stream_reads_the_same_however_it_was_cut(study):
    figure = v4.new_output("display_data", {"text/plain": "<Figure>"})
    warning = stream("careful\n", name="stderr")
    pieces = stream("step 1\nst"), warning, stream("ep 2\n"), figure, stream("step 3\n")
    whole = stream("step 1\nstep 2\n"), warning, figure, stream("step 3\n")
    assert cleaned(study, executed(*pieces)) == list(whole)


def test_progress_bars_go_and_other_messages_stay(study):
    bars = "\r  0%|          | 0/2 [00:00<?, ?it/s]\r100%|####| 2/2 [00:01<00:00,  2.0it/s]\n"
    widget = v4.new_output("display_data", {notebooks.WIDGET: {}, "text/plain": "0/2"})
    pieces = stream(bars[:40], name="stderr"), stream(f"{bars[40:]}\rcareful\n", name="stderr")
    assert cleaned(study, executed(widget, *pieces)) == [stream("careful\n", name="stderr")]
    assert cleaned(study, executed(stream(bars, name="stderr"))) == []


def test_paths_and_addresses_of_this_machine_go(study):
    text = f"{study}/results/a.csv <object at 0x7f00ab12cd34>"
    portable = "./results/a.csv <object at 0x…>"
    display = v4.new_output("display_data", {"text/html": text, "image/png": "iVBORw0x7f00ab12"})
    error = v4.new_output("error", ename="OSError", evalue=text, traceback=[text])
    assert cleaned(study, executed(stream(text), display, error)) == [
        stream(portable),
        v4.new_output("display_data", {"text/html": portable, "image/png": "iVBORw0x7f00ab12"}),
        v4.new_output("error", ename="OSError", evalue=portable, traceback=[portable]),
    ]


def test_refresh_executes_in_the_notebooks_folder_and_gives_the_same_bytes_again(study):
    title = v4.new_markdown_cell("# A")
    code = "from pathlib import Path\nprint(Path.cwd(), [p.name for p in Path.cwd().glob('*')])"
    path = write(study / "notebooks" / "a.ipynb", title, v4.new_code_cell(code))
    main(["refresh", "a"])
    once = path.read_bytes()
    main(["refresh"])
    cell = notebooks.read_notebook(path).cells[1]
    assert path.read_bytes() == once
    assert (cell.execution_count, cell.outputs) == (1, [stream("./notebooks ['a.ipynb']\n")])


def test_a_failing_cell_is_named_and_its_notebook_left_as_it_was(study):
    cells = v4.new_markdown_cell("# A"), v4.new_code_cell("1"), v4.new_code_cell("int('x')")
    path = write(study / "notebooks" / "a.ipynb", *cells)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"a\.ipynb, cell 3 failed: ValueError: .*'x'"):
        main(["refresh"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["refresh", "b"], "there is no notebook 'b', only a"),
        (["clean", "missing.ipynb"], "there is no notebook missing.ipynb"),
        (["clean", "text.ipynb"], "text.ipynb is not a valid notebook: Notebook does not appear"),
        (["clean", "empty.ipynb"], "empty.ipynb is not a valid notebook"),
        (["clean", "cut.ipynb"], "cut.ipynb is not a valid notebook: 'source' is a required"),
    ],
)
def test_what_is_not_a_notebook_is_refused_in_one_sentence(study, words, message):
    write(study / "notebooks" / "a.ipynb")
    (study / "text.ipynb").write_text("once upon a time")
    (study / "empty.ipynb").write_text("{}")
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}}
    notebook = {**v4.new_notebook(), "cells": [cell]}
    (study / "cut.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(SystemExit, match=message):
        main(words)


def test_outside_a_study_the_commands_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"no dvc\.yaml in .* or above it"):
        main(["sources"])

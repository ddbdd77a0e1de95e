"""Notebooks whose bytes change only when what they say changes."""

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from paramrel.data.disk.files import whole_file

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


CELL_TIMEOUT = 120  # seconds, as in pytest's --nbval-cell-timeout


PROGRESS_BAR = re.compile(r"\d+%\||\d+it \[")


MEMORY_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")


WIDGET = "application/vnd.jupyter.widget-view+json"


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook; raises FileNotFoundError or ValueError where there is no valid one."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no notebook {path}")
    try:
        notebook = nbformat.read(path, as_version=nbformat.current_nbformat)
        nbformat.validate(notebook)
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        cause = str(error).splitlines()[0]
        raise ValueError(f"{path} is not a valid notebook: {cause}") from error
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook with the same bytes on every system."""
    with whole_file(path) as part:
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def strip(notebook: NotebookNode) -> None:
    """Remove in place all that a run leaves behind: outputs, counts, ids, metadata but tags."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    _fix_metadata(notebook)


def normalise(notebook: NotebookNode, root: Path) -> None:
    """Remove in place what differs between two equal runs: ids, times, paths, progress bars.

    Outputs, execution counts and tags stay. root: the folder that paths are told from.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _normal_outputs(cell.outputs, root)
    _fix_metadata(notebook)


def _fix_metadata(notebook: NotebookNode) -> None:
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNEL))
    notebook.nbformat_minor = nbformat.current_nbformat_minor
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode(tags=tags) if tags else NotebookNode()
        cell.id = f"cell-{number}"


def _normal_outputs(outputs: list[NotebookNode], root: Path) -> list[NotebookNode]:
    kept = _joined_streams(o for o in outputs if WIDGET not in o.get("data", {}))
    for output in kept:
        if output.get("name") == "stderr":
            output.text = _without_progress(output.text)
        _replace_paths(output, root)
    return [output for output in kept if output.get("name") != "stderr" or output.text.strip()]


def _joined_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join the pieces of a stream between two displays; where it is cut depends on timing."""
    joined, streams = [], {}
    for output in outputs:
        if output.output_type != "stream":
            streams = {}
        elif output.name in streams:
            streams[output.name].text += output.text
            continue
        else:
            streams[output.name] = output
        joined.append(output)
    return joined


def _without_progress(text: str) -> str:
    lines = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(line for line in lines if not PROGRESS_BAR.search(line))


def _replace_paths(output: NotebookNode, root: Path) -> None:
    if output.output_type == "stream":
        output.text = _portable(output.text, root)
    elif output.output_type == "error":
        output.evalue = _portable(output.evalue, root)
        output.traceback = [_portable(line, root) for line in output.traceback]
    else:
        for kind, content in output.data.items():
            if kind.startswith("text/") or kind == "image/svg+xml":
                output.data[kind] = _portable(content, root)


def _portable(text: str, root: Path) -> str:
    temporary = re.escape(tempfile.gettempdir())
    text = re.sub(rf"{temporary}/ipykernel_\d+/\d+\.py", "cell.py", text)
    for folder, name in ((sys.prefix, "<python>"), (root.resolve(), "."), (Path.home(), "~")):
        text = re.sub(rf"{re.escape(str(folder))}(?![\w.-])", name, text)
    return MEMORY_ADDRESS.sub("0x…", text)


def write_sources(root: Path, results: Path) -> None:
    """Write a stripped copy of each of the study's notebooks to the folder `sources` of results.

    The pipeline depends on these and runs these: new outputs then re-run nothing.
    """
    sources = results / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    (results / "notebooks").mkdir(exist_ok=True)  # papermill does not make its folder
    for outdated in sources.glob("*.ipynb"):
        outdated.unlink()
    for path in find_notebooks([], root):
        notebook = read_notebook(path)
        strip(notebook)
        write_notebook(notebook, sources / path.name)


def clean(path: Path, root: Path) -> None:
    """Normalise an executed notebook in place; its outputs stay."""
    notebook = read_notebook(path)
    normalise(notebook, root)
    write_notebook(notebook, path)


def refresh(path: Path, root: Path) -> None:
    """Execute a notebook in its folder and normalise it; raises RuntimeError if a cell fails."""
    notebook = read_notebook(path)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells, start=1):
            try:
                client.execute_cell(cell, number - 1)
            except CellExecutionError as error:
                cause = f"{error.ename}: {error.evalue}"
                raise RuntimeError(f"{path}, cell {number} failed: {cause}") from error
            except CellTimeoutError as error:
                cause = f"ran for more than {CELL_TIMEOUT} s"
                raise RuntimeError(f"{path}, cell {number} {cause}") from error
    normalise(notebook, root)
    write_notebook(notebook, path)


def find_notebooks(names: list[str], root: Path) -> list[Path]:
    """Return the study's notebooks of these names, or all where none is named."""
    found = {path.stem: path for path in sorted((root / "notebooks").glob("[!.]*.ipynb"))}
    stems = [Path(name).stem for name in names] or list(found)
    unknown = [stem for stem in stems if stem not in found]
    if unknown:
        raise ValueError(f"there is no notebook {unknown[0]!r}, only {', '.join(found)}")
    return [found[stem] for stem in stems]

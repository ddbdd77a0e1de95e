"""What happens when the machine is at fault: full disks, closed folders, no memory, odd clocks."""

import ast
import errno
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from nbformat import v4
from PIL import Image

import paramrel
from paramrel.data import DATASETS, load_dataset
from paramrel.data import __main__ as data_command
from paramrel.data.disk.prepared import open_prepared, prepare
from paramrel.data.sets.digits import write_digits
from paramrel.data.source import UNDECIDED, Original, Source
from paramrel.study.notebooks import find_notebooks, write_notebook
from paramrel.study.page import Section, write_report
from paramrel.study.results import read_json, read_table, write_figure, write_json, write_table

resource = pytest.importorskip("resource")  # Windows has no limits of this kind
IMAGES = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), dtype=np.uint8)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder that stands for PARAMREL_DATA; prepared sets go beside it."""
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PARAMREL_DATA", str(tmp_path / "files"))
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@contextmanager
def full_disk(room):
    """Let the system refuse every byte of a file after the first `room`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def whole():
    split = np.full(len(IMAGES), UNDECIDED)
    return Original(np.split(IMAGES, 3), np.arange(len(IMAGES)) % 7, split)


def small(read=whole):
    return Source(
        name="small", examples=300, shape=(1, 8, 8), max_level=255, read=read, url="", licence="",
        citation="",
    )  # fmt: skip


def unreadable():
    raise AssertionError("the files are read again")


def prepared_folders(tmp_path):
    return [path for path in (tmp_path / "cache" / "prepared").iterdir() if path.is_dir()]


def figure(text):
    drawn, axis = plt.subplots()
    axis.set_title(text)
    plt.close(drawn)
    return drawn


WRITERS = {
    "row.json": lambda path, text: write_json({text * 9: 1.5}, path),
    "table.csv": lambda path, text: write_table(pd.DataFrame({text: [1.0] * 50}), path),
    "figure.png": lambda path, text: write_figure(figure(text), path),
    "report.html": lambda path, text: write_report(text, text, [Section(text, text)], path),
    "notebook.ipynb": lambda path, text: write_notebook(
        v4.new_notebook(cells=[v4.new_markdown_cell(text, id="a")]), path
    ),
    "digits.npz": lambda path, text: write_digits(path.parent),
}
every_writer = pytest.mark.parametrize("name", WRITERS)


@every_writer
@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_leaves_the_result_that_was_there_and_nothing_else(
    tmp_path, name, room, capsys
):
    path = tmp_path / "results" / name
    path.parent.mkdir()
    WRITERS[name](path, "before")
    before = path.read_bytes()
    with full_disk(room), pytest.raises(OSError, match="File too large|not written"):
        WRITERS[name](path, "after")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@every_writer
def test_a_full_disk_leaves_nothing_where_nothing_was(tmp_path, name, capsys):
    folder = tmp_path / "results"
    folder.mkdir()
    with full_disk(20), pytest.raises(OSError, match="File too large|not written"):
        WRITERS[name](folder / name, "after")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("room", [0, 100, 500, 2_000, 19_000])
def test_a_disk_that_fills_up_while_data_are_prepared_is_told_and_leaves_nothing(
    tmp_path, root, room, capsys
):
    with full_disk(room), pytest.raises(OSError, match="small could not be prepared in .*: "):
        prepare(small(), root)
    assert prepared_folders(tmp_path) == []
    assert (open_prepared(small(), root).levels.numpy() == IMAGES).all()


def test_a_disk_that_is_full_when_the_record_is_written_leaves_no_record(
    tmp_path, root, monkeypatch, capsys
):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data").mkdir()
    write_digits(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    with full_disk(20), pytest.raises(SystemExit, match="File too large"):
        data_command.main(["prepare", "digits", "--record", "out/digits.json"])
    assert list((tmp_path / "out").iterdir()) == []


HELD_BACK = {"part", "raw", "small", "file", "folder / RECORD"}  # moved when whole, or in memory


def targets(path):
    """Yield what each call of a module that writes a file writes to."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in ("write_text", "write_bytes"):
            yield ast.unparse(node.func.value)
        elif node.func.attr in ("to_csv", "savefig", "savez", "savez_compressed") and node.args:
            yield ast.unparse(node.args[0])


def test_no_module_writes_a_file_in_place():
    found = {(path.name, name) for path in Path(paramrel.__file__).parent.rglob("*.py")
             for name in targets(path)}  # fmt: skip
    assert len(found) > 5
    assert [(path, name) for path, name in found if name not in HELD_BACK] == []


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_result(tmp_path):
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "a.ipynb"
    path.write_text("before")
    code = (
        "import os, sys\nfrom paramrel.data.disk.files import whole_file\n"
        "with whole_file(sys.argv[1]) as part:\n    part.write_text('aft')\n    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 9
    assert path.read_text() == "before"
    assert find_notebooks([], tmp_path) == [path]  # what the dead process left is none


@pytest.mark.parametrize(
    ("read", "content"),
    [(read_json, '{"a": 1'), (read_json, ""), (read_table, ""), (read_table, 'a,b\n"1,2')],
)
def test_a_damaged_result_is_named_with_the_command_that_makes_it(tmp_path, read, content):
    (tmp_path / "x.file").write_text(content)
    with pytest.raises(ValueError, match=r"x\.file is damaged \(.+\); delete it, `dvc repro`"):
        read(tmp_path / "x.file")


@pytest.fixture
def closed(monkeypatch):
    """Return a function that closes a folder to writers, also to root."""

    def close(folder):
        make, opened = os.mkdir, os.open

        def refuse(path):
            if str(path).startswith(str(folder)):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))

        def mkdir(path, *words, **options):
            refuse(path)
            return make(path, *words, **options)

        def open_(path, flags, *words, **options):
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                refuse(path)
            return opened(path, flags, *words, **options)

        monkeypatch.setattr(os, "mkdir", mkdir)
        monkeypatch.setattr(os, "open", open_)

    return close


def test_a_closed_cache_is_told_with_the_setting_that_names_another(tmp_path, root, closed):
    closed(tmp_path / "cache")
    with pytest.raises(
        OSError, match=r"kept in .*cache.*\(Permission denied\); set PARAMREL_CACHE"
    ):
        open_prepared(small(), root)


def test_a_closed_cache_that_holds_the_set_is_read(tmp_path, root, closed):
    prepare(small(), root)
    closed(tmp_path / "cache")
    assert (open_prepared(small(unreadable), root).levels.numpy() == IMAGES).all()


def test_a_closed_cache_folder_names_the_file_that_could_not_be_written(tmp_path, root, closed):
    (tmp_path / "cache" / "prepared").mkdir(parents=True)
    closed(tmp_path / "cache")
    with pytest.raises(PermissionError, match=r"Permission denied: .*small.*\.lock"):
        prepare(small(), root)


@pytest.mark.parametrize("name", sorted(WRITERS.keys() - {"digits.npz"}))
def test_a_closed_results_folder_is_named(tmp_path, name, closed):
    closed(tmp_path / "results")
    with pytest.raises(PermissionError, match="Permission denied: .*results"):
        WRITERS[name](tmp_path / "results" / name, "after")


@pytest.mark.parametrize("place", ["cache", "cache/prepared"])
def test_a_cache_that_is_a_file_is_told_with_the_setting(tmp_path, root, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    with pytest.raises(OSError, match=r"kept in .*cache.*; set PARAMREL_CACHE to a folder"):
        open_prepared(small(), root)
    assert (tmp_path / place).read_bytes() == b""


def test_a_cache_that_is_gone_is_made_anew_and_one_that_was_moved_is_used(
    tmp_path, root, monkeypatch
):
    open_prepared(small(), root)
    shutil.rmtree(tmp_path / "cache")
    open_prepared(small(), root)
    (tmp_path / "cache").rename(tmp_path / "moved")
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "moved"))
    assert (open_prepared(small(unreadable), root).levels.numpy() == IMAGES).all()


def mnist_of_no_address(monkeypatch):
    source, reading = DATASETS["mnist"]
    files = tuple(replace(file, url="http://127.0.0.1:9/x") for file in source.files)
    monkeypatch.setitem(DATASETS, "mnist", (replace(source, files=files), reading))


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_data_folder_that_is_not_there_is_named(tmp_path, monkeypatch, kind):
    folder = tmp_path / "elsewhere"
    if kind == "a file":
        folder.touch()
    monkeypatch.setenv("PARAMREL_DATA", str(folder))
    mnist_of_no_address(monkeypatch)
    with pytest.raises(OSError, match=r"elsewhere.*train-images.* could not be downloaded from"):
        load_dataset("mnist")
    with pytest.raises(FileNotFoundError, match="there is no folder .*elsewhere"):
        load_dataset(f"image_folder:{folder}/faces")
    with pytest.raises(FileNotFoundError, match="there is no folder .*elsewhere.*; put there what"):
        load_dataset("ffhq")


def write_images(folder, value=0):
    folder.mkdir(exist_ok=True)
    for i in range(40):
        pixels = np.full((8, 8, 3), i, dtype=np.uint8)
        pixels[0, 0] = value
        Image.fromarray(pixels).save(folder / f"{i}.bmp")  # of the same size, whatever it shows


@pytest.mark.parametrize(
    "stage", ["paramrel.data.disk.images.np.asarray", "paramrel.data.disk.images.np.stack"]
)
def test_too_little_memory_while_decoding_is_told_and_leaves_nothing(
    tmp_path, root, monkeypatch, stage
):
    write_images(root / "faces")

    def no_memory(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(stage, no_memory)
        with pytest.raises((ValueError, OSError), match=r"faces.*(MemoryError|out of memory)"):
            load_dataset(f"image_folder:{root}/faces")
    folder = tmp_path / "cache" / "prepared"
    assert not folder.exists() or prepared_folders(tmp_path) == []
    assert len(load_dataset(f"image_folder:{root}/faces").train)


@pytest.mark.parametrize("seconds", [0, 1, 4_000_000_000])
def test_times_of_files_never_matter(tmp_path, root, seconds, monkeypatch):
    write_images(root / "faces")
    before = load_dataset(f"image_folder:{root}/faces")
    for path in [*root.rglob("*"), *(tmp_path / "cache").rglob("*")]:
        os.utime(path, (seconds, seconds))
    monkeypatch.setattr("paramrel.data.sets.image_folder._read", unreadable)
    after = load_dataset(f"image_folder:{root}/faces")
    assert (before.train.x[:] == after.train.x[:]).all()


def test_an_image_that_changed_without_a_change_of_time_or_size_is_read_again(root):
    write_images(root / "faces")
    path = root / "faces" / "0.bmp"
    os.utime(path, (5, 5))
    load_dataset(f"image_folder:{root}/faces")
    size = path.stat().st_size
    write_images(root / "faces", value=200)
    os.utime(path, (5, 5))
    assert path.stat().st_size == size
    dataset = load_dataset(f"image_folder:{root}/faces")
    for split in (dataset.train, dataset.validation, dataset.test):
        assert (split.x.levels[split.x.rows][:, :, 0, 0] == 200).all()


def test_an_image_that_changes_while_it_is_read_is_told(root, monkeypatch):
    write_images(root / "faces")
    read, seen = Path.read_bytes, set()

    def changing(path):
        content = read(path)
        later = path.name == "7.bmp" and path in seen
        seen.add(path)
        return content[:-1] + b"!" if later else content

    monkeypatch.setattr(Path, "read_bytes", changing)
    with pytest.raises(ValueError, match=r"7\.bmp changed while it was read; try again"):
        load_dataset(f"image_folder:{root}/faces")


def test_a_clock_that_goes_back_while_data_are_prepared_changes_nothing(root, monkeypatch):
    now = iter(range(10**9, 0, -1000))
    monkeypatch.setattr("time.time", lambda: next(now))
    record = prepare(small(), root)
    assert re.fullmatch("[0-9a-f]{64}", record["content"])
    assert prepare(small(unreadable), root) == record

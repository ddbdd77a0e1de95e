"""Prepared sets: what is kept, under which name, and that nothing half-done is ever taken."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from paramrel.data.disk.folders import cache_folder
from paramrel.data.disk.prepared import is_prepared, open_prepared, prepare
from paramrel.data.source import PARTS, UNDECIDED, Original, Source

IMAGES = np.random.default_rng(0).integers(0, 256, (90, 2, 3, 4), dtype=np.uint8)
LABELS = np.arange(90) % 7
FACTORS = np.stack([LABELS, LABELS % 2], 1).astype(np.uint8)
ATTRIBUTES = FACTORS[:, 1:]


def whole():
    return Original(np.split(IMAGES, [10, 50]), LABELS, np.full(90, UNDECIDED), FACTORS, ATTRIBUTES)


def source(read=whole, **changes):
    original = Source(
        name="small", examples=90, shape=(2, 3, 4), max_level=255, read=read, url="", licence="",
        citation="",
    )  # fmt: skip
    return replace(original, **changes)


def unreadable():
    raise AssertionError("the files are read again")


def left_over():
    """What lies in the cache but sets that are whole."""
    folders = [path for path in (cache_folder() / "prepared").iterdir() if path.is_dir()]
    return [path for path in folders if not (path / "record.json").exists()]


def test_a_prepared_set_is_what_was_read(root):
    stored = open_prepared(source(), root)
    assert torch.equal(stored.levels, torch.from_numpy(IMAGES))
    assert torch.equal(stored.labels, torch.from_numpy(LABELS))
    assert torch.equal(stored.factors, torch.from_numpy(FACTORS).long())
    assert torch.equal(stored.attributes, torch.from_numpy(ATTRIBUTES).bool())
    assert set(stored.split.tolist()) == {0, 1, 2}


def test_a_prepared_set_is_opened_without_its_files(root):
    first = open_prepared(source(), root)
    again = open_prepared(source(unreadable), root)
    assert torch.equal(first.levels, again.levels)
    assert prepare(source(unreadable), root)["content"] == prepare(source(), root)["content"]


def test_writing_into_an_opened_set_does_not_reach_the_disk(root):
    open_prepared(source(), root).levels.zero_()
    assert torch.equal(open_prepared(source(unreadable), root).levels, torch.from_numpy(IMAGES))


@pytest.mark.parametrize("change", [{"version": "2"}, {"shares": (0.5, 0.25, 0.25)}])
def test_another_recipe_is_prepared_beside(root, change):
    prepare(source(), root)
    assert not is_prepared(source(**change))
    prepare(source(**change), root)
    assert is_prepared(source()) and is_prepared(source(**change))


def test_the_record_counts_the_parts_and_is_the_same_again(root, tmp_path, monkeypatch):
    record = prepare(source(), root)
    assert sum(record[part] for part in PARTS) == 90
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "other"))
    assert prepare(source(), root) == record
    json.dumps(record)


def broken(error):
    def chunks():
        yield IMAGES[:10]
        raise error

    return lambda: replace(whole(), chunks=chunks())


@pytest.mark.parametrize("error", [ValueError("the file ends"), KeyboardInterrupt("stop")])
def test_an_interrupted_preparation_leaves_nothing_and_can_be_repeated(root, error):
    with pytest.raises(type(error), match=str(error)):
        open_prepared(source(broken(error)), root)
    assert not is_prepared(source()) and left_over() == []
    assert len(open_prepared(source(), root).labels) == 90


def test_what_a_killed_process_left_is_not_taken(root):
    prepare(source(), root)
    (folder,) = [path for path in (cache_folder() / "prepared").iterdir() if path.is_dir()]
    (folder / "record.json").unlink()
    folder.rename(folder.with_suffix(".unfinished"))
    assert not is_prepared(source())
    assert len(open_prepared(source(), root).labels) == 90
    assert left_over() == []


@pytest.mark.parametrize("name", ["levels.npy", "split.npy", "record.json"])
def test_a_shortened_file_is_made_anew_when_opened(root, name):
    prepare(source(), root)
    (path,) = cache_folder().glob(f"prepared/*/{name}")
    path.write_bytes(path.read_bytes()[:-5])
    assert torch.equal(open_prepared(source(), root).levels, torch.from_numpy(IMAGES))


def test_a_flipped_bit_is_found_when_prepared(root):
    record = prepare(source(), root)
    (path,) = cache_folder().glob("prepared/*/levels.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert prepare(source(), root) == record
    assert torch.equal(open_prepared(source(), root).levels, torch.from_numpy(IMAGES))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
@pytest.mark.parametrize("repeats", [1, 50])
def test_a_full_disk_is_told_and_leaves_nothing(root, monkeypatch, repeats):
    opened = Path.open

    def open_full(path, *words, **options):
        path = Path("/dev/full") if path.name == "levels.npy" else path
        return opened(path, *words, **options)

    monkeypatch.setattr(Path, "open", open_full)
    many = Original([IMAGES] * repeats, *(np.tile(a, repeats) for a in (LABELS, -np.ones(90, int))))
    with pytest.raises(OSError, match="small could not be prepared in .*: .*No space left"):
        prepare(source(lambda: many), root)
    monkeypatch.setattr(Path, "open", opened)
    assert left_over() == []


def test_one_of_two_that_prepare_at_once_waits_for_the_other(root):
    reads = []

    def slow():
        reads.append(threading.get_ident())
        time.sleep(0.2)
        return whole()

    threads = [threading.Thread(target=prepare, args=(source(slow), root)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1 and is_prepared(source())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"labels": LABELS[:80], "split": np.full(80, UNDECIDED)}, "80 labels but 90 examples"),
        ({"factors": FACTORS[:80]}, "90 labels but 80 factors"),
        ({"chunks": [IMAGES[:, :1]]}, r"uint8 \(1, 3, 4\), not uint8 \(2, 3, 4\)"),
        ({"chunks": [IMAGES / 2]}, r"float64 \(2, 3, 4\), not uint8"),
        (
            {"split": np.zeros(90, dtype=int)},
            "90 examples, too few for three parts: 'validation' gets none",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(root, change, cause):
    with pytest.raises(ValueError, match=f"small h(as|olds) {cause}"):
        prepare(source(lambda: replace(whole(), **change)), root)
    assert left_over() == []


def test_a_level_that_the_source_does_not_have_is_refused(root):
    with pytest.raises(ValueError, match="small holds the level 25.*, above 16"):
        prepare(source(max_level=16), root)

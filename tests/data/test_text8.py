"""text8: an archive of one long line."""

import zipfile

import numpy as np
import pytest

from paramrel.data import load_dataset

PARTS = ("train", "validation", "test")
RANDOM = np.random.default_rng(0)


def parts(dataset):
    return [getattr(dataset, part) for part in PARTS]


def write_text8(root, text):
    with zipfile.ZipFile(root / "text8.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text8", text)


def test_text8_is_read_in_its_order_without_what_fills_no_text(root, accept_files):
    letters = " abcdefghijklmnopqrstuvwxyz"
    text = "".join(letters[i] for i in RANDOM.integers(0, 27, 20_000))
    write_text8(root, text)
    accept_files("text8")
    dataset = load_dataset("text8")
    assert (dataset.kind, dataset.shape, dataset.levels) == ("categorical", (256,), 27)
    assert [len(part) for part in parts(dataset)] == [70, 3, 3]
    for start, part in zip((0, 18_000, 19_000), parts(dataset), strict=True):
        assert "".join(dataset.to_text(part.x[:])) == text[start : start + 256 * len(part)]
    assert dataset.label_names == () and dataset.train.labels.unique().tolist() == [0]


@pytest.mark.parametrize("text", ["a b c" * 2000 + "D", "line\n" * 2000, ""])
def test_text_of_other_signs_is_refused(root, accept_files, text):
    write_text8(root, text)
    accept_files("text8")
    with pytest.raises(ValueError, match=r"text8\.zip is damaged .*other signs"):
        load_dataset("text8")

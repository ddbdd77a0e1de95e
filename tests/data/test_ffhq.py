"""FFHQ: folders of numbered images."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from paramrel.data import load_dataset
from paramrel.data.sets.ffhq import FFHQ


def write_ffhq(root, numbers):
    for i in numbers:
        folder = root / "ffhq" / "thumbnails128x128" / f"{i // 10 * 10:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((128, 128, 3), i, np.uint8)).save(folder / f"{i:05d}.png")


def test_ffhq_is_read_from_its_folders_in_the_order_of_the_numbers(root, monkeypatch):
    monkeypatch.setattr("paramrel.data.sets.ffhq.TRAINING", 50)
    monkeypatch.setattr("paramrel.data.sets.ffhq.FFHQ", replace(FFHQ, examples=60))
    write_ffhq(root, range(60))
    dataset = load_dataset("ffhq")
    assert len(dataset.test) == 10 and len(dataset.train) + len(dataset.validation) == 50
    levels = dataset.test.x.levels[dataset.test.x.rows]
    assert levels.amin((1, 2, 3)).tolist() == levels.amax((1, 2, 3)).tolist() == [*range(50, 60)]


def test_an_incomplete_or_missing_ffhq_is_told(root):
    with pytest.raises(FileNotFoundError, match="no folder .*thumbnails128x128; .*ffhq-dataset"):
        load_dataset("ffhq")
    write_ffhq(root, [0, 1, 3])
    with pytest.raises(ValueError, match=r"holds 3 numbered images, not 00000\.png to 69999\.png"):
        load_dataset("ffhq")

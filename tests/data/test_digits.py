"""The digits: what the pinned file holds, what its records say, how damage is told."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sklearn.datasets import load_digits

from paramrel.data import load_dataset
from paramrel.data.sets.digits import digits_file, write_digits
from paramrel.data.sets.mixed import NOISE, SUMMARY, mixed_records, summarise
from paramrel.data.splits import overlap

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
PARTS = ("train", "validation", "test")
LEVELS = np.arange(8, dtype=np.uint8)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("name", ["digits", "digits_discretized", "digits_continuous"])
def test_a_data_set_keeps_what_it_says_of_itself(name):
    dataset = load_dataset(name, DATA)
    assert dataset.name == name
    for split in (getattr(dataset, part) for part in PARTS):
        assert split.x.shape == (len(split), *dataset.shape)
        assert split.labels.shape == (len(split),)
        assert set(split.labels.tolist()) == set(range(len(dataset.label_names)))
        if dataset.kind == "binary":
            assert split.x.dtype == torch.long and set(split.x.unique().tolist()) == {0, 1}
        else:
            assert split.x.dtype == torch.float32 and split.x.abs().max() <= 1
        if dataset.levels is not None:
            assert len(split.x.unique()) == dataset.levels


def test_the_parts_are_all_the_digits_of_scikit_learn_each_once():
    dataset = load_dataset("digits_continuous", DATA)
    x = torch.cat([getattr(dataset, part).x for part in PARTS])
    labels = torch.cat([getattr(dataset, part).labels for part in PARTS])
    ours = np.column_stack([(8 * (x + 1)).flatten(1).numpy(), labels.numpy()])
    theirs = np.column_stack(load_digits(return_X_y=True))
    assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))


def test_the_split_is_stratified_70_10_20_and_no_digit_is_in_two_parts():
    dataset = load_dataset("digits_discretized", DATA)
    assert overlap(dataset) == 0
    counts = np.array([torch.bincount(getattr(dataset, part).labels).numpy() for part in PARTS])
    assert counts.sum(axis=1).tolist() == [1257, 180, 360]
    assert np.abs(counts - np.outer([0.7, 0.1, 0.2], counts.sum(axis=0))).max() < 1.5


def test_the_writer_makes_the_very_bytes_that_data_dvc_pins(tmp_path):
    pinned = yaml.safe_load((ROOT / "data.dvc").read_text(encoding="utf-8"))["outs"][0]["md5"]
    listing = (ROOT / ".dvc/store/files/md5" / pinned[:2] / pinned[2:]).read_bytes()
    assert pinned == f"{md5(listing)}.dir"
    files = {entry["relpath"]: entry["md5"] for entry in json.loads(listing)}
    content = write_digits(tmp_path).read_bytes()
    assert files["digits.npz"] == md5(content)
    assert (DATA / "digits.npz").read_bytes() == content


def test_a_mixed_record_is_a_digit_its_label_and_a_summary():
    mixed, pixels = load_dataset("digits_mixed", DATA), load_dataset("digits_discretized", DATA)
    assert (mixed.kind, mixed.shape, mixed.levels) == ("mixed", (), None)
    for part in PARTS:
        split = getattr(mixed, part)
        assert torch.equal(split.x["pixels"], getattr(pixels, part).x)
        assert torch.equal(split.x["label"], split.labels)
        batch = split.draw(torch.tensor([1, 0]))
        for name, variable in mixed.fields.items():
            assert torch.equal(batch[name], split.x[name][[1, 0]])
            assert batch[name].shape[1:] == variable.shape
        assert split.x["summary"].dtype == torch.float32
        assert split.x["summary"].abs().max() <= 1


def test_the_summary_is_measured_with_noise_and_scaled_by_the_training_split_alone():
    levels = torch.randint(1, 17, (3000, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    training = torch.arange(3000) < 300
    levels[training] //= 2  # the others have twice the ink, which training does not know of
    records = mixed_records(levels.byte(), torch.zeros(3000).long(), training)
    features = summarise(levels.byte())
    low, high = features[training].amin(0), features[training].amax(0)
    exact = 0.9 * (2 * (features - low) / (high - low) - 1)
    assert exact[~training, 0].min() > 1 and records["summary"][~training, 0].min() > 0.95
    error = (records["summary"] - exact)[training]
    assert error.std(0).tolist() == pytest.approx([NOISE] * 4, rel=0.15)


def test_the_summary_of_a_drawn_line_is_what_one_would_measure():
    levels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    levels[0, 0, range(8), [3] * 8] = 16  # upright
    levels[1, 0, range(8), range(8)] = 8  # one pixel to the right a row
    levels[2, 0, range(2, 6), [6, 5, 4, 3]] = 16  # one to the left
    expected = [[2.0, 3, 3.5, 0], [1.0, 3.5, 3.5, 1], [1.0, 4.5, 3.5, -1]]
    assert SUMMARY == ("ink", "horizontal centre", "vertical centre", "slant")
    torch.testing.assert_close(summarise(levels), torch.tensor(expected, dtype=torch.float64))


def test_outside_a_clone_the_same_bytes_are_made_from_scikit_learn(tmp_path, monkeypatch):
    monkeypatch.setattr("paramrel.data.sets.digits.PINNED", tmp_path / "nothing")
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path))
    assert digits_file().read_bytes() == (DATA / "digits.npz").read_bytes()
    assert len(load_dataset("digits").test) == 360


def test_a_missing_file_is_named_with_the_command_that_fetches_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"digits\.npz is missing; .*`dvc pull data`"):
        load_dataset("digits", tmp_path)


def flip_a_byte(content: bytes) -> bytes:
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize(
    "damage",
    [flip_a_byte, lambda c: c[:5000], lambda c: b"", lambda c: b"<html>"],
    ids=["flipped byte", "cut short", "empty", "another format"],
)
def test_a_damaged_file_is_named_with_the_command_that_restores_it(tmp_path, damage):
    path = write_digits(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"digits\.npz is damaged \(.+\).*`dvc pull --force data`"):
        load_dataset("digits", tmp_path)


IMAGES, LABELS, SPLIT = np.tile(LEVELS, (3, 8, 1)), [0, 1, 9], [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"images": IMAGES.astype(float)}, "images is float64"),
        ({"images": IMAGES[:2]}, r"images is uint8 \(2, 8, 8\) instead of uint8 \(3, 8, 8\)"),
        ({"images": IMAGES + np.uint8(10)}, "images holds 17, above 16"),
        ({"labels": np.uint8([0, 1, 10])}, "labels holds 10, above 9"),
        ({"labels": np.uint8(3)}, r"len\(\) of unsized object"),
        ({"split": np.int8([0, 1, 1])}, r"split holds \[0 1\] instead of 0, 1 and 2"),
        ({"split": np.array([0, 1, None])}, "allow_pickle=False"),
        ({"labels": None}, "labels"),
    ],
)
def test_wrong_arrays_are_told_apart_by_their_cause(tmp_path, change, cause):
    arrays = {"images": IMAGES, "labels": np.uint8(LABELS), "split": np.int8(SPLIT), **change}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    np.savez(tmp_path / "digits.npz", **arrays)
    with pytest.raises(ValueError, match=rf"digits\.npz is damaged \(.*{cause}"):
        load_dataset("digits", tmp_path)

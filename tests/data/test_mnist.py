"""MNIST and Fashion-MNIST: gzipped IDX files, from download to the named binarizations."""

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from paramrel.data import DATASETS, load_dataset
from paramrel.data.sets.mnist import NAMES

RANDOM = np.random.default_rng(0)


def idx(array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_mnist(folder, train=120, test=20):
    arrays = []
    for number in (train, test):
        arrays += [RANDOM.integers(0, 256, (number, 28, 28), dtype=np.uint8)]
        arrays += [RANDOM.integers(0, 10, number, dtype=np.uint8)]
    (folder / "raw").mkdir(parents=True)
    for name, array in zip(NAMES, arrays, strict=True):
        (folder / "raw" / name).write_bytes(gzip.compress(idx(array)))
    return arrays


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_mnist_is_read_from_gzipped_idx_files(root, accept_files, name, folder, holds):
    train, train_labels, test, test_labels = write_mnist(root / folder)
    for reading in (f"{name}_continuous", f"{name}_discretized"):
        accept_files(reading)
    dataset = load_dataset(f"{name}_continuous")
    assert [len(dataset.train) + len(dataset.validation), len(dataset.test)] == [120, 20]
    assert len(dataset.validation) in range(8, 33)
    expected = 2 * torch.from_numpy(test)[:, None].float() / 255 - 1
    torch.testing.assert_close(dataset.test.x[:], expected)
    assert dataset.test.labels.tolist() == test_labels.tolist()
    assert holds(dataset, np.concatenate([train, test]))
    assert load_dataset(f"{name}_discretized").levels == 256


def test_the_binarizations_of_mnist_are_what_their_names_say(root, accept_files):
    images = write_mnist(root / "MNIST")[2][:, None]
    readings = {}
    for name in ("mnist", "mnist_threshold", "mnist_threshold_0"):
        accept_files(name)
        readings[name] = load_dataset(name)
    assert np.array_equal(readings["mnist_threshold"].test.x[:], images >= 127.5)
    assert np.array_equal(readings["mnist_threshold_0"].test.x[:], images > 0)
    dynamic = readings["mnist"]
    assert torch.equal(load_dataset("mnist").test.draw(slice(None)), dynamic.test.x[:])
    index = torch.arange(len(dynamic.train))
    draws = torch.stack([dynamic.train.draw(index) for _ in range(200)]).double().mean(0)
    levels = dynamic.train.x.levels[dynamic.train.x.rows] / 255
    assert (draws - levels).abs().mean() < 0.04
    assert dynamic.train.x[:].unique().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda c: c[:-20], "t10k-images.* is damaged or of another format"),
        (lambda c: b"\x1f\x8b" + c[5:], "t10k-images.* is damaged or of another format"),
        (lambda c: gzip.compress(b"\0\0\x0d" + gzip.decompress(c)[3:]), "not an IDX file of bytes"),
        (
            lambda c: gzip.compress(gzip.decompress(c)[:-9]),
            r"15671 bytes, not \(20, 28, 28\)",
        ),
        (lambda c: gzip.compress(idx(np.zeros((3, 28, 28), np.uint8))), "3 images, .* 20 labels"),
        (lambda c: gzip.compress(idx(np.zeros((20, 9, 9), np.uint8))), r"not uint8 \(1, 28, 28\)"),
    ],
)
def test_damaged_idx_files_are_named_with_their_cause(root, accept_files, change, cause):
    write_mnist(root / "MNIST")
    path = root / "MNIST" / "raw" / NAMES[2]
    path.write_bytes(change(path.read_bytes()))
    accept_files("mnist")  # as if the checksum were right
    with pytest.raises(ValueError, match=cause):
        load_dataset("mnist")


def test_an_original_of_another_checksum_is_refused_and_left_as_it_is(root):
    write_mnist(root / "MNIST")
    before = {path: path.read_bytes() for path in (root / "MNIST" / "raw").iterdir()}
    with pytest.raises(ValueError, match=f"{NAMES[0]} is damaged or another file: its md5 is"):
        load_dataset("mnist")
    assert {path: path.read_bytes() for path in (root / "MNIST" / "raw").iterdir()} == before


def test_a_set_is_downloaded_prepared_and_loaded_by_its_name(
    root, server, accept_files, monkeypatch
):
    write_mnist(root / "MNIST")
    source = accept_files("mnist")
    served = root / "MNIST" / "raw" / NAMES[0]
    server.content = served.read_bytes()
    served.unlink()
    files = (replace(source.files[0], url=f"{server.url}/{NAMES[0]}"), *source.files[1:])
    monkeypatch.setitem(DATASETS, "mnist", (replace(source, files=files), DATASETS["mnist"][1]))
    server.cuts = [1000]
    assert len(load_dataset("mnist").test) == 20
    assert served.read_bytes() == server.content and server.asked == [None, "bytes=1000-"]

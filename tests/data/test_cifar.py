"""CIFAR-10: an archive of pickled batches."""

import io
import pickle
import tarfile

import numpy as np
import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.sets.cifar import BATCHES

RANDOM = np.random.default_rng(0)


def write_cifar(root, number=20, keys=(b"data", b"labels")):
    images = RANDOM.integers(0, 256, (6 * number, 3, 32, 32), dtype=np.uint8)
    labels = RANDOM.integers(0, 10, 6 * number)
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as tar:
        for i, name in enumerate(BATCHES):
            rows = slice(number * i, number * (i + 1))
            batch = {
                b"batch_label": b"",
                keys[0]: images[rows].reshape(number, -1),
                keys[1]: labels[rows].tolist(),
                b"filenames": [b""] * number,
            }
            content = pickle.dumps(batch, protocol=2)
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return images, labels


def test_cifar10_is_read_from_the_archive_of_batches(root, accept_files, holds):
    images, labels = write_cifar(root)
    accept_files("cifar10")
    dataset = load_dataset("cifar10")
    assert (dataset.kind, dataset.shape, dataset.levels) == ("discretized", (3, 32, 32), 256)
    assert len(dataset.test) == 20 and len(dataset.validation) in range(2, 25)
    expected = (2 * torch.from_numpy(images[100:]).float() + 1) / 256 - 1
    torch.testing.assert_close(dataset.test.x[:], expected)
    assert dataset.test.labels.tolist() == labels[100:].tolist()
    assert holds(dataset, images)


@pytest.mark.parametrize("keys", [(b"data", b"fine_labels"), (b"other", b"labels")])
def test_an_archive_of_another_set_is_named(root, accept_files, keys):
    write_cifar(root, keys=keys)
    accept_files("cifar10")
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz is damaged or of another form"):
        load_dataset("cifar10")


def test_a_shortened_archive_is_named(root, accept_files):
    write_cifar(root)
    path = root / "cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[:50_000])
    accept_files("cifar10")
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz is damaged"):
        load_dataset("cifar10")

"""The published files themselves, where PARAMREL_DATA names a folder that holds them."""

import os
import tarfile
from pathlib import Path

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.splits import overlap

FOLDER = os.environ.get("PARAMREL_DATA")
CIFAR = "cifar10_jpeg_subset"
pytestmark = pytest.mark.skipif(not FOLDER, reason="PARAMREL_DATA is not set")


def need(name):
    path = Path(FOLDER) / name
    if not path.exists():
        pytest.skip(f"PARAMREL_DATA holds no {name}")
    return path


@pytest.mark.parametrize(
    ("name", "folder", "smallest_class"),
    [("mnist", "MNIST", 5421), ("fashion_mnist", "FashionMNIST", 6000)],
)
def test_the_published_images_are_all_there_with_their_checksums(name, folder, smallest_class):
    need(f"{folder}/raw")
    dataset = load_dataset(name, FOLDER)
    assert len(dataset.train) + len(dataset.validation) == 60_000 and len(dataset.test) == 10_000
    labels = torch.cat([dataset.train.labels, dataset.validation.labels])
    assert labels.bincount().min() == smallest_class
    assert dataset.test.x[:100].shape == (100, 1, 28, 28)
    assert overlap(dataset) == 0


def test_a_folder_of_cifar_images_is_loaded_as_it_is(tmp_path):
    with tarfile.open(need(f"{CIFAR}.tar.gz")) as tar:
        tar.extractall(tmp_path, filter="data")
    dataset = load_dataset(f"image_folder:{tmp_path / CIFAR}")
    assert dataset.shape == (3, 32, 32) and len(dataset.label_names) == 10
    assert len(dataset.test) == 1000
    assert len(dataset.train) + len(dataset.validation) == 5000
    assert dataset.test.labels.bincount().tolist() == [100] * 10
    assert overlap(dataset) == 0

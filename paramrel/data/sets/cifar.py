"""CIFAR-10: 60,000 colour images of 32×32 pixels."""

import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from paramrel.data.disk.download import File
from paramrel.data.source import Original, Source, blaming, undecided_before_test

ARRAY = np.empty(0).__reduce__()[0]  # the function that a pickle makes arrays with


ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): ARRAY,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),  # bytes, in old protocols
    ("__builtin__", "bytes"): bytes,  # and where there are none
}


BATCHES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]


class ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, numbers, texts and containers; pickles that name anything else are refused."""

    def find_class(self, module: str, name: str) -> Callable:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no batch needs")
        return ALLOWED[module, name]


def read_cifar10(archive: Path) -> Original:
    """Read the `python version`, an archive of batches; a tenth of the first five validates."""
    images, labels = [], []
    with blaming(archive), tarfile.open(archive) as tar:
        for name in BATCHES:
            file = tar.extractfile(f"cifar-10-batches-py/{name}")
            batch = ArrayUnpickler(file, encoding="bytes").load()
            labels.append(np.array(batch[b"labels"]))
            images.append(batch[b"data"].reshape(len(labels[-1]), 3, 32, 32))
    return Original(
        chunks=images,
        labels=np.concatenate(labels),
        split=undecided_before_test(sum(map(len, labels[:-1])), len(labels[-1])),
    )


CIFAR10 = Source(
    name="cifar10",
    examples=60_000,
    shape=(3, 32, 32),
    max_level=255,
    read=read_cifar10,
    files=(
        File(
            "cifar-10-python.tar.gz",
            "md5:c58f30108f718f92721af3b95e74349a",
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        ),
    ),
    megabytes=170.5,
    label_names=(
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
    shares=(0.9, 0.1, 0),
    url="https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="none stated",
    citation=(
        "A. Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images. "
        "University of Toronto"
    ),
)  # fmt: skip

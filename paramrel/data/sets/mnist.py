"""MNIST and Fashion-MNIST: 70,000 grey images of 28×28 pixels in gzipped IDX files."""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from paramrel.data.disk.download import File
from paramrel.data.source import Original, Source, blaming, undecided_before_test

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def read_mnist(
    train_images: Path, train_labels: Path, test_images: Path, test_labels: Path
) -> Original:
    """Read the images and labels of both published parts; a sixth of the first validates."""
    images = [_read_idx(path, axes=3) for path in (train_images, test_images)]
    labels = [_read_idx(path, axes=1) for path in (train_labels, test_labels)]
    for path, x, y in zip((train_images, test_images), images, labels, strict=True):
        if len(x) != len(y):
            raise ValueError(f"{path} holds {len(x)} images, but there are {len(y)} labels")
    return Original(
        chunks=(x[:, None] for x in images),
        labels=np.concatenate(labels),
        split=undecided_before_test(*map(len, labels)),
    )


def _read_idx(path: Path, axes: int) -> np.ndarray:
    """Read unsigned bytes: two zeros, the type 8, the number of axes, their lengths, the data."""
    with blaming(path):
        content = gzip.decompress(path.read_bytes())
        if content[:3] != b"\0\0\x08":
            raise ValueError("it is not an IDX file of bytes")
        if content[3] != axes:
            raise ValueError(f"it has {content[3]} axes, not {axes}")
        shape = struct.unpack_from(f">{axes}I", content, 4)
        data = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
        if len(data) != math.prod(shape):
            raise ValueError(f"it holds {len(data)} bytes, not {shape}")
        return data.reshape(shape)


def _source(name: str, folder: str, address: str, checksums: tuple[str, ...], **about) -> Source:
    files = tuple(
        File(f"{folder}/raw/{file}", f"md5:{checksum}", address + file)
        for file, checksum in zip(NAMES, checksums, strict=True)
    )
    return Source(
        name=name, examples=70_000, shape=(1, 28, 28), max_level=255, read=read_mnist, files=files,
        shares=(5 / 6, 1 / 6, 0), **about,
    )  # fmt: skip


MNIST = _source(
    "mnist",
    "MNIST",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    megabytes=11.6,
    label_names=tuple("0123456789"),
    url="http://yann.lecun.com/exdb/mnist/",
    licence="CC BY-SA 3.0, as commonly cited",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998). Gradient-based learning applied to "
        "document recognition. Proceedings of the IEEE 86(11)"
    ),
)


FASHION_MNIST = _source(
    "fashion_mnist",
    "FashionMNIST",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    megabytes=30.9,
    label_names=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ),
    url="https://github.com/zalandoresearch/fashion-mnist",
    licence="MIT",
    citation=(
        "H. Xiao, K. Rasul and R. Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for "
        "Benchmarking Machine Learning Algorithms. arXiv 1708.07747"
    ),
)  # fmt: skip

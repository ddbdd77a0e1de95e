"""Damaged files of data: refused by name, or read as what they say; by the hundred of each kind.

Every checksum passes here, as if someone had published the damaged file: what is tried are the
readers. That a wrong checksum stops a file before it is read is the first test.
"""

import gzip
import hashlib
import io
import struct
import zipfile
import zlib
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from paramrel.data import DATASETS, load_dataset
from paramrel.data.sets.digits import write_digits
from paramrel.data.sets.mnist import NAMES

DSPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder that stands for PARAMREL_DATA; prepared sets go beside it."""
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PARAMREL_DATA", str(tmp_path / "files"))
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def table(sizes):
    return np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), 1)


def blobs(number, side, channels=1):
    """Images (N, side, side, channels) of a few levels, which compress well."""
    image = np.kron(
        np.random.default_rng(number).integers(0, 2, (number, 4, 4, channels)),
        np.ones((1, side // 4, 1, 1)),
    )
    return np.repeat(image, side // 4, 2).astype(np.uint8)


def write_mnist(root):
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    arrays = []
    for number in (60, 9):
        arrays += [blobs(number, 28)[..., 0] * 200, np.uint8(range(number)) % 10]
    for name, array in zip(NAMES, arrays, strict=True):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (raw / name).write_bytes(gzip.compress(header + array.tobytes()))
    return [raw / name for name in NAMES]


def write_dsprites(root):
    classes = table((1, 3, 2, 2, 3, 2))
    np.savez_compressed(
        root / DSPRITES,
        imgs=blobs(len(classes), 64)[..., 0],
        latents_values=classes.astype(np.float64),
        latents_classes=classes.astype(np.int64),
        metadata=np.array({"title": "dSprites"}),  # an object, which must not be unpickled
    )
    return [root / DSPRITES]


def write_shapes3d(root):
    classes = table((2, 2, 2, 2, 3, 2))
    with h5py.File(root / "3dshapes.h5", "w") as file:
        images = blobs(len(classes), 64, 3) * 250
        file.create_dataset("images", data=images, compression="gzip")
        file.create_dataset("labels", data=classes * [0.1, 0.1, 0.1, 0.5, 1, 4] - 1)
    return [root / "3dshapes.h5"]


def write_folder(root, suffix):
    (root / "mine").mkdir()
    paths = [root / "mine" / f"{i:02}.{suffix}" for i in range(40)]
    for path, image in zip(paths, blobs(40, 16, 3), strict=True):
        Image.fromarray(image * 200).save(path)
    return paths[:3]


SETS = {  # how a small one is written, its name, the sizes of its factors, what messages name
    "idx.gz": (write_mnist, "mnist_discretized", None, "idx|mnist"),
    "npz": (write_dsprites, "dsprites", (3, 2, 2, 3, 2), "dsprites"),
    "hdf5": (write_shapes3d, "shapes3d", (2, 2, 2, 2, 3, 2), "3dshapes.h5|shapes3d"),
    "png": (lambda root: write_folder(root, "png"), "image_folder:mine", None, "mine"),
    "jpeg": (lambda root: write_folder(root, "jpg"), "image_folder:mine", None, "mine"),
    "digits.npz": (lambda root: [write_digits(root)], "digits", None, "digits.npz"),
}


@pytest.fixture
def load(root, monkeypatch):
    """Return a function that loads a set as if its files were the originals, all of it."""
    monkeypatch.chdir(root)  # where the paths of one's own images start

    def load(name, sizes):
        if name in DATASETS and name != "digits":
            accept(name, sizes)
        return everything(load_dataset(name, root))

    def accept(name, sizes):
        source, reading = DATASETS[name]
        factors = replace(source.factors, sizes=sizes) if sizes else None
        files = tuple(
            replace(file, checksum=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")
            for file in source.files
            for path in [root / file.path]
        )
        source = replace(source, files=files, factors=factors)
        monkeypatch.setitem(DATASETS, name, (source, reading))

    return load


def everything(dataset):
    """Return all that a set holds, after checking that it is what the set says of itself."""
    found = []
    for split in (getattr(dataset, part) for part in PARTS):
        x = split.x[:]
        assert x.shape == (len(split), *dataset.shape) and x.dtype in (torch.long, torch.float32)
        assert x.abs().max() <= 1 and len(x.unique()) <= dataset.levels
        assert 0 <= split.labels.min() and split.labels.max() < max(len(dataset.label_names), 1)
        found += [x.numpy().tobytes(), split.labels.tolist()]
        if split.factors is not None:
            dataset.factors.check(split.factors)
            found.append(split.factors.tolist())
    if dataset.name.startswith("image_folder"):  # whose parts go by the files' bytes
        return sorted(
            row.numpy().tobytes() for part in PARTS for row in getattr(dataset, part).x[:]
        )
    return found


def repack_gzip(rng, content, damage):
    return gzip.compress(damage(rng, gzip.decompress(content)))


def repack_zip(rng, content, damage):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    head, tail = members[name][:128], members[name][128:]
    head = damage(rng, head) if rng.random() < 0.5 else head
    members[name] = head + tail if head != members[name][:128] else damage(rng, head + tail)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice([0, 8])) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return out.getvalue()


def repack_png(rng, content, damage):
    chunks, i = [], 8
    while i < len(content):
        (length,) = struct.unpack_from(">I", content, i)
        chunks.append((content[i + 4 : i + 8], content[i + 8 : i + 8 + length]))
        i += 12 + length
    n = rng.choice([i for i, (_, data) in enumerate(chunks) if data])
    chunks[n] = (chunks[n][0], damage(rng, chunks[n][1]))
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


REPACK = {"idx.gz": repack_gzip, "npz": repack_zip, "digits.npz": repack_zip, "png": repack_png}
numbers = pytest.mark.parametrize(
    "number", [40, pytest.param(500, marks=pytest.mark.slow)], ids=["fast", "full"]
)


@pytest.mark.parametrize("name", ["idx.gz", "npz", "hdf5"])
def test_a_file_of_a_wrong_checksum_is_not_read_at_all(root, monkeypatch, name):
    write, dataset, *_ = SETS[name]
    path = write(root)[0]

    def unreadable(*paths):
        raise AssertionError("a file of a wrong checksum is read")

    source, reading = DATASETS[dataset]
    monkeypatch.setitem(DATASETS, dataset, (replace(source, read=unreadable), reading))
    with pytest.raises(ValueError, match=f"{path.name} is damaged or another file: its .* is"):
        load_dataset(dataset)


@pytest.fixture
def attack(root, load, judge, damages):
    """Return a function that tries a kind of file so many times and returns the outcomes."""

    def attack(kind, number, change):
        write, name, sizes, named = SETS[kind]
        paths = write(root)
        contents = [path.read_bytes() for path in paths]
        original = load(name, sizes)

        def mutate(rng):
            for path, content in zip(paths, contents, strict=True):
                path.write_bytes(content)
            i, damage = rng.randrange(len(paths)), rng.choice(damages)
            paths[i].write_bytes(change(rng, contents[i], damage))
            return f"{paths[i].name} by {damage.__name__}"

        outcomes = judge(number, mutate, lambda: load(name, sizes), original, named)
        left = [path for path in root.parent.glob("cache/prepared/*") if path.is_dir()]
        assert all((path / "record.json").is_file() for path in left)
        return outcomes

    return attack


@numbers
@pytest.mark.parametrize("kind", SETS)
def test_damaged_files_are_refused_by_name_or_valid(attack, kind, number):
    outcomes = attack(kind, number, lambda rng, content, damage: damage(rng, content))
    assert outcomes["refused"] > number / 4
    if kind in REPACK:  # formats that have checksums of their own
        assert outcomes["other"] == 0


@numbers
@pytest.mark.parametrize("kind", REPACK)
def test_damages_under_right_checksums_are_refused_by_name_or_valid(attack, kind, number):
    outcomes = attack(kind, number, REPACK[kind])
    assert outcomes["refused"] > number / 10

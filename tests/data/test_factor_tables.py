"""3D Shapes and dSprites: tables of every combination of factors."""

import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from paramrel.data import DATASETS, load_dataset

PARTS = ("train", "validation", "test")
RANDOM = np.random.default_rng(0)


def parts(dataset):
    return [getattr(dataset, part) for part in PARTS]


def table(sizes):
    return np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), 1)


def write_shapes3d(root, classes=None, images=None):
    classes = table((2, 3, 2, 2, 4, 3)) if classes is None else classes
    images = RANDOM.integers(0, 256, (288, 64, 64, 3), np.uint8) if images is None else images
    labels = classes * [0.1, 0.1, 0.1, 0.5 / 7, 1, 60 / 14] + [0, 0, 0, 0.75, 0, -30]
    with h5py.File(root / "3dshapes.h5", "w") as file:
        file.create_dataset("images", data=images, compression="gzip", compression_opts=1)
        file.create_dataset("labels", data=labels)
    return images, classes


def small_factors(monkeypatch, accept_files, name, sizes):
    source = accept_files(name)
    factors = replace(source.factors, sizes=sizes)
    monkeypatch.setitem(DATASETS, name, (replace(source, factors=factors), DATASETS[name][1]))


def test_shapes3d_is_read_from_its_hdf5_file_as_a_table_of_factors(
    root,
    accept_files,
    monkeypatch,
    holds,
):
    images, classes = write_shapes3d(root)
    small_factors(monkeypatch, accept_files, "shapes3d_continuous", (2, 3, 2, 2, 4, 3))
    dataset = load_dataset("shapes3d_continuous")
    assert sum(map(len, parts(dataset))) == 288
    assert holds(dataset, np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    values = torch.from_numpy(classes)[[5, 200, 17]]
    expected = 2 * torch.from_numpy(images[[5, 200, 17]]).permute(0, 3, 1, 2).float() / 255 - 1
    torch.testing.assert_close(dataset.render(values), expected)
    for part in parts(dataset):
        torch.testing.assert_close(dataset.render(part.factors), part.x[:])
        assert torch.equal(part.labels, part.factors[:, 4])
    held = dataset.draw_held(3, 8, torch.Generator().manual_seed(0))
    assert held.shape == (8, 3, 64, 64)


@pytest.mark.parametrize(
    ("classes", "cause"),
    [
        (table((2, 3, 2, 2, 4, 3))[::-1], r"combinations of \(2, 3, 2, 2, 4, 3\) values in order"),
        (table((2, 3, 2, 2, 4, 3))[:-1], "combinations of .* values in order"),
        (table((2, 3, 2, 2, 4, 2)), "288 images and 192 labels"),
    ],
)
def test_a_table_that_is_not_whole_or_not_in_order_is_refused(root, accept_files, classes, cause):
    write_shapes3d(root, classes)
    accept_files("shapes3d")
    with pytest.raises(ValueError, match=rf"3dshapes\.h5 is damaged .*{cause}"):
        load_dataset("shapes3d")


def test_a_shortened_hdf5_file_is_named(root, accept_files):
    write_shapes3d(root)
    path = root / "3dshapes.h5"
    path.write_bytes(path.read_bytes()[:100_000])
    accept_files("shapes3d")
    with pytest.raises(ValueError, match=r"3dshapes\.h5 is damaged"):
        load_dataset("shapes3d")


DSPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"


def write_dsprites(root, number=144):
    classes = table((1, 3, 2, 4, 3, 2))
    images = RANDOM.integers(0, 2, (number, 64, 64), dtype=np.uint8)
    np.savez_compressed(
        root / DSPRITES,
        imgs=images,
        latents_values=classes.astype(np.float64),
        latents_classes=classes.astype(np.int64),
        metadata=np.array({"title": "dSprites"}),  # an object, which must not be unpickled
    )
    return images, classes


def test_dsprites_is_read_from_its_npz_file_without_unpickling(
    root,
    accept_files,
    monkeypatch,
    holds,
):
    images, classes = write_dsprites(root)
    small_factors(monkeypatch, accept_files, "dsprites", (3, 2, 4, 3, 2))
    dataset = load_dataset("dsprites")
    assert (dataset.kind, dataset.shape, dataset.levels) == ("binary", (1, 64, 64), 2)
    assert holds(dataset, images)
    every = torch.from_numpy(classes[:, 1:])
    assert np.array_equal(dataset.render(every)[:, 0], images)
    for part in parts(dataset):
        assert torch.equal(dataset.render(part.factors), part.x[:])
        assert torch.equal(part.labels, part.factors[:, 0])


@pytest.mark.parametrize("damage", [lambda c: c[:9000], lambda c: c[:9000] + b"!" + c[9001:]])
def test_a_damaged_npz_file_is_named(root, accept_files, damage):
    write_dsprites(root)
    (root / DSPRITES).write_bytes(damage((root / DSPRITES).read_bytes()))
    accept_files("dsprites")
    with pytest.raises(ValueError, match=r"64x64\.npz is damaged"):
        load_dataset("dsprites")


def test_images_and_factors_of_different_number_are_refused(root, accept_files):
    write_dsprites(root, number=100)
    accept_files("dsprites")
    with pytest.raises(ValueError, match=r"images are uint8 \(100, 64, 64\), for 144 factors"):
        load_dataset("dsprites")


def test_only_shapes3d_needs_h5py_and_says_so(root, accept_files, monkeypatch):
    write_shapes3d(root)
    accept_files("shapes3d")
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert len(load_dataset("digits").train)
    with pytest.raises(ImportError, match=r"needs h5py; install it: pip install paramrel\[study\]"):
        load_dataset("shapes3d")


def test_the_data_room_is_imported_without_h5py():
    code = "import sys; sys.modules['h5py'] = None; import paramrel.data.registry"
    subprocess.run([sys.executable, "-c", code], check=True)

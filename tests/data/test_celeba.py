"""CelebA: an archive of photographs, and two lists that must match it."""

import io
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from paramrel.data import load_dataset
from paramrel.data.disk.folders import cache_folder
from paramrel.data.sets.celeba import ATTRIBUTES

PARTS = ("train", "validation", "test")
RANDOM = np.random.default_rng(0)


def parts(dataset):
    return [getattr(dataset, part) for part in PARTS]


def write_celeba(root, number=30):
    """Faces of one colour between two bars that the square crop must cut off."""
    colors = RANDOM.integers(40, 216, (number, 3), dtype=np.uint8)
    values = RANDOM.choice([-1, 1], (number, 40))
    split = np.arange(number) * 3 // number
    names = [f"{i + 1:06d}.jpg" for i in range(number)]
    (root / "celeba").mkdir(exist_ok=True)
    with zipfile.ZipFile(root / "celeba" / "img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/", "")
        for name, color in zip(names, colors, strict=True):
            image = np.zeros((218, 178, 3), np.uint8) + color
            image[:16] = image[-16:] = 255 - color
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "jpeg", quality=95)
            archive.writestr(f"img_align_celeba/{name}", buffer.getvalue())
    rows = [
        f"{n} " + " ".join(f"{v:2d}" for v in row) for n, row in zip(names, values, strict=True)
    ]
    text = "\n".join([str(number), " ".join(ATTRIBUTES) + " ", *rows]) + "\n"
    (root / "celeba" / "list_attr_celeba.txt").write_text(text)
    text = "".join(f"{n} {s}\n" for n, s in zip(names, split, strict=True))
    (root / "celeba" / "list_eval_partition.txt").write_text(text)
    return colors, values, split


def test_celeba_is_read_from_its_archive_with_attributes_and_its_own_split(root, accept_files):
    colors, values, split = write_celeba(root)
    accept_files("celeba_continuous")
    dataset = load_dataset("celeba_continuous")
    assert dataset.shape == (3, 64, 64) and dataset.attribute_names == tuple(ATTRIBUTES)
    for number, part in enumerate(parts(dataset)):
        mine = split == number
        expected = 2 * torch.from_numpy(colors[mine]).float() / 255 - 1
        torch.testing.assert_close(
            part.x[:], expected[..., None, None].expand(-1, 3, 64, 64), atol=0.05, rtol=0
        )
        assert np.array_equal(part.attributes, values[mine] > 0)
        assert np.array_equal(part.labels, values[mine, ATTRIBUTES.index("Smiling")] > 0)
    assert dataset.label_names == ("not smiling", "smiling")


def test_an_unpacked_archive_that_was_removed_is_not_needed(root, accept_files):
    write_celeba(root)
    accept_files("celeba")
    packed = load_dataset("celeba").test.x[:]
    path = root / "celeba" / "img_align_celeba.zip"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(root / "celeba")
    path.unlink()
    shutil.rmtree(cache_folder())
    assert torch.equal(load_dataset("celeba").test.x[:], packed)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "cause"),
    [
        ("list_attr_celeba.txt", "000030.jpg", "000031.jpg", "don't name the same images"),
        ("list_attr_celeba.txt", "30\n", "31\n", r"list_attr_celeba\.txt is damaged.*\(30, 40\)"),
        ("list_attr_celeba.txt", "Bald", "Hair", r"list_attr_celeba\.txt is damaged"),
        ("list_attr_celeba.txt", " -1", "  0", "neither -1 nor 1"),
        ("list_attr_celeba.txt", " -1", "", r"list_attr_celeba\.txt is damaged"),
        ("list_eval_partition.txt", "000002.jpg 0\n", "", "don't name the same images"),
        ("list_eval_partition.txt", "000002.jpg 0", "000002.jpg", r"partition\.txt is damaged"),
    ],
)
def test_attributes_that_do_not_match_the_images_are_refused(
    root, accept_files, file, old, new, cause
):
    write_celeba(root)
    edit(root / "celeba" / file, old, new)
    accept_files("celeba")
    with pytest.raises(ValueError, match=cause):
        load_dataset("celeba")


def test_an_image_that_only_the_attributes_know_is_named(root, accept_files):
    write_celeba(root, number=30)
    archive = (root / "celeba" / "img_align_celeba.zip").read_bytes()
    write_celeba(root, number=33)
    (root / "celeba" / "img_align_celeba.zip").write_bytes(archive)
    accept_files("celeba")
    with pytest.raises(ValueError, match=r"don't match: 000031\.jpg is in only one of them"):
        load_dataset("celeba")


def test_an_image_that_cannot_be_decoded_is_named(root, accept_files):
    write_celeba(root)
    path = root / "celeba" / "img_align_celeba.zip"
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member[:300] if "000007" in name else member)
    assert path.read_bytes() != content
    accept_files("celeba")
    with pytest.raises(ValueError, match=r"000007\.jpg is damaged .*can't be decoded"):
        load_dataset("celeba")

"""A folder of one's own images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from paramrel.data import load_dataset, prepare_dataset
from paramrel.data.splits import overlap

PARTS = ("train", "validation", "test")
RANDOM = np.random.default_rng(0)


def write(path, height=8, width=8, channels=3, value=None):
    pixels = RANDOM.integers(0, 256, (height, width, channels), dtype=np.uint8)
    if value is not None:
        pixels[:] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze()).save(path)
    return pixels


def write_many(folder, number=60, **options):
    return [write(folder / f"{i}.png", **options) for i in range(number)]


def parts(dataset):
    return [getattr(dataset, part) for part in PARTS]


def levels(split):
    return split.x.levels[split.x.rows]


def test_a_folder_of_images_is_loaded_by_its_path(root):
    images = write_many(root / "faces")
    dataset = load_dataset("image_folder:faces")
    assert (dataset.kind, dataset.shape, dataset.levels) == ("discretized", (3, 8, 8), 256)
    found = sorted(image.numpy().tobytes() for part in parts(dataset) for image in levels(part))
    assert found == sorted(image.transpose(2, 0, 1).tobytes() for image in images)
    assert dataset.label_names == () and all(len(part) for part in parts(dataset))


def test_a_path_may_be_absolute(root, tmp_path):
    write_many(tmp_path / "elsewhere")
    assert load_dataset(f"image_folder:{tmp_path / 'elsewhere'}").shape == (3, 8, 8)


def test_a_relative_path_starts_at_the_working_folder_alone(root, tmp_path, monkeypatch):
    write_many(root / "faces")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(FileNotFoundError, match=f"no folder {tmp_path / 'work' / 'faces'}; a rel"):
        load_dataset("image_folder:faces")
    with pytest.raises(FileNotFoundError, match=f"no folder {tmp_path / 'work' / 'faces'}; a rel"):
        load_dataset("image_folder:faces", root)
    assert len(load_dataset("image_folder:../files/faces").train)


def test_a_path_may_hold_commas_and_signs_of_any_script(root):
    for name in ("me, you,size=1", "Фото 写真"):
        write_many(root / name)
        assert load_dataset(f"image_folder:{name}").shape == (3, 8, 8)
        assert load_dataset(f"image_folder:{name},size=4").shape == (3, 4, 4)


def test_what_was_found_and_left_out_is_said_once_on_stderr(root, capsys):
    for name in ("cat", "dog"):
        write_many(root / "zoo" / name, 30)
    (root / "zoo" / "cat" / "0.heic").touch()
    (root / "zoo" / ".ipynb_checkpoints").mkdir()
    dataset = load_dataset("image_folder:zoo")
    load_dataset("image_folder:zoo")
    counts = ", ".join(f"{part} {len(getattr(dataset, part))}" for part in PARTS)
    line = f"60 images in {root / 'zoo'}; 2 classes: cat 30, dog 30; {counts} (by content)"
    told = [line for line in capsys.readouterr().err.splitlines() if "image_folder:zoo: 6" in line]
    assert told == [f"image_folder:zoo: {line}; left out: 1 .heic"]


@pytest.mark.parametrize(
    ("given", "missing", "told"),
    [
        (("train", "val"), "test", "by the folders' names, test split off the training images"),
        (("train", "test"), "validation", "validation split off the training images by content"),
    ],
)
def test_a_part_without_a_folder_is_split_off_the_training_images(
    root, capsys, given, missing, told
):
    for value, name in enumerate(given):
        for i in range(40):
            write(root / "set" / name / "only" / f"{i}.png", value=(value, i, 0))
    dataset = load_dataset("image_folder:set")
    (kept,) = {"validation", "test"} - {missing}
    assert len(getattr(dataset, kept)) == 40 and (levels(getattr(dataset, kept))[:, 0] == 1).all()
    assert len(dataset.train) + len(getattr(dataset, missing)) == 40
    assert len(getattr(dataset, missing)) and (levels(getattr(dataset, missing))[:, 0] == 0).all()
    assert told in capsys.readouterr().err


def test_copies_in_a_later_part_are_left_out_and_counted(root, capsys):
    for name in ("train", "test"):
        for i in range(40):
            write(root / "set" / name / f"{i}.png", value=(i if name == "test" else i + 37, 0, 0))
    dataset = load_dataset("image_folder:set")
    assert overlap(dataset) == 0 and len(dataset.test) == 40
    assert "left out: 3 copies of images of a later part" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_what_is_transparent_lies_on_white(root, mode, color):
    for i in range(20):
        pixels = np.full((8, 8, 4), (i, i, i, 255), np.uint8)
        pixels[:4] = (9, 9, 9, 0)  # the hidden colour
        image = Image.fromarray(pixels).convert("RGBA" if mode == "P" else mode)
        image = image.quantize() if mode == "P" else image
        (root / "logos").mkdir(exist_ok=True)
        image.save(root / "logos" / f"{i}.png")
    dataset = load_dataset(f"image_folder:logos,color={color}")
    for part in parts(dataset):
        assert (levels(part)[:, :, :4] == 255).all() and (levels(part)[:, :, 4:] < 20).all()


def test_what_is_half_transparent_is_half_white(root):
    for i in range(20):
        (root / "logos").mkdir(exist_ok=True)
        Image.new("RGBA", (8, 8), (0, 0, i, 128)).save(root / "logos" / f"{i}.png")
    red = torch.cat([levels(part)[:, 0] for part in parts(load_dataset("image_folder:logos"))])
    assert (red == 127).all()


def test_three_images_suffice_whatever_they_hold(root):
    for name in range(20):
        write_many(root / f"few{name}", number=3)
        dataset = load_dataset(f"image_folder:few{name}")
        assert [len(part) for part in parts(dataset)] == [1, 1, 1]


def test_subfolders_are_classes(root):
    for value, name in enumerate(("ant", "bee", "cat")):
        for i in range(30):
            write(root / "zoo" / name / f"{i}.png", value=(value, i, 0))
    dataset = load_dataset("image_folder:zoo")
    assert dataset.label_names == ("ant", "bee", "cat")
    for part in parts(dataset):
        assert torch.equal(part.labels, levels(part)[:, 0, 0, 0].long())


@pytest.mark.parametrize("validation", [(), ("validation",), ("Val",)])
def test_folders_named_after_parts_are_the_parts(root, validation):
    for value, name in enumerate(("train", "test", *validation)):
        for i in range(40):
            write(root / "set" / name / "only" / f"{i}.png", value=(value, i, 0))
    dataset = load_dataset("image_folder:set")
    assert dataset.label_names == ("only",)
    assert len(dataset.test) == 40 and (levels(dataset.test)[:, 0] == 1).all()
    if validation:
        assert len(dataset.train) == len(dataset.validation) == 40
        assert (levels(dataset.validation)[:, 0] == 2).all()
    else:
        assert len(dataset.train) + len(dataset.validation) == 40
        assert (levels(dataset.validation)[:, 0] == 0).all()


def test_options_crop_resize_and_take_the_colour(root):
    for i in range(60):
        path = root / "wide" / f"{i}.png"
        pixels = write(path, 16, 48, value=0)
        pixels[:, 16:32] = (0, 4 * i, 255)  # the centred square
        Image.fromarray(pixels).save(path)
    cropped = load_dataset("image_folder:wide,size=8")
    assert cropped.shape == (3, 8, 8)
    for part in parts(cropped):
        assert (levels(part)[:, 0] == 0).all() and (levels(part)[:, 2] == 255).all()
    squeezed = load_dataset("image_folder:wide,size=12,crop=none")
    columns = levels(squeezed.train)[:, 2].float().mean(1)  # (N, 12)
    assert (columns[:, :3] < 10).all() and (columns[:, 5:7] > 240).all()
    grey = load_dataset("image_folder:wide,size=8,color=grey")
    assert grey.shape == (1, 8, 8)
    green = levels(cropped.test)[:, 1, 0, 0].float()
    torch.testing.assert_close(
        levels(grey.test)[:, 0, 0, 0].float(), 0.587 * green + 0.114 * 255, atol=1, rtol=0
    )


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("size=0", "'size=0' in .* is no option; the options are size=PIXELS"),
        ("size=big", "'size=big'"),
        ("crop=left", "'crop=left'"),
        ("colour=grey", "'colour=grey'"),
        ("64", "'64'"),
    ],
)
def test_unknown_options_are_refused_before_anything_is_read(root, words, cause):
    with pytest.raises(ValueError, match=cause):
        load_dataset(f"image_folder:nowhere,{words}")


def test_a_missing_folder_and_one_without_images_are_told(root):
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere"):
        load_dataset("image_folder:nowhere")
    (root / "empty").mkdir()
    (root / "empty" / "notes.txt").touch()
    (root / "empty" / "._hidden.png").touch()
    with pytest.raises(FileNotFoundError, match=r"empty holds no image \(\.bmp, "):
        load_dataset("image_folder:empty")


def test_images_of_many_sizes_are_told_with_what_to_do(root):
    write_many(root / "faces")
    write(root / "faces" / "wide.png", 8, 9)
    with pytest.raises(ValueError, match=r"wide\.png has the shape \(3, 8, 9\), .*,size=64"):
        load_dataset("image_folder:faces")
    assert load_dataset("image_folder:faces,size=8").shape == (3, 8, 8)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"<!DOCTYPE html>", b"\x89PNG\r\n\x1a\n" + bytes(50)]
)
def test_a_file_that_is_no_image_is_named(root, content):
    write_many(root / "faces")
    (root / "faces" / "bad.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.png is damaged .*it is no image"):
        load_dataset("image_folder:faces")


def test_a_shortened_image_is_named(root):
    write_many(root / "faces")
    path = root / "faces" / "7.png"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(ValueError, match=r"7\.png is damaged .*can't be decoded"):
        load_dataset("image_folder:faces")


def test_an_image_of_16_bits_is_refused_rather_than_cut_off(root):
    write_many(root / "faces")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(root / "faces" / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png is damaged .*more than 8 bits a channel"):
        load_dataset("image_folder:faces")


def test_an_image_that_may_not_be_read_is_named(root, monkeypatch):
    write_many(root / "faces")
    read = Path.read_bytes

    def refuse(path):  # as the system does, but not to root
        if path.name == "9.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: .*9\.png"):
        load_dataset("image_folder:faces")


def test_too_few_images_for_three_parts_are_told(root):
    write_many(root / "faces", number=2)
    cause = "faces.* has 2 examples, too few for three parts: 'test' gets none"
    with pytest.raises(ValueError, match=cause):
        load_dataset("image_folder:faces")


def test_a_changed_folder_is_read_again_and_the_old_images_keep_their_parts(root):
    write_many(root / "faces")
    before = load_dataset("image_folder:faces")
    write_many(root / "faces" / "more", number=30)
    after = load_dataset("image_folder:faces")
    assert sum(map(len, parts(after))) == 90
    for old, new in zip(parts(before), parts(after), strict=True):
        assert set(map(tobytes, levels(old))) <= set(map(tobytes, levels(new)))


def tobytes(tensor):
    return tensor.numpy().tobytes()


def test_the_files_are_never_changed(root):
    write_many(root / "faces")

    def state():
        files = (path for path in root.rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    load_dataset("image_folder:faces,size=4")
    assert state() == before


def test_copies_of_an_image_lie_in_one_part_under_any_name(root):
    images = write_many(root / "faces")
    for i, image in enumerate(images):
        (root / "faces" / "again").mkdir(exist_ok=True)
        Image.fromarray(image).save(root / "faces" / "again" / f"{99 - i}.png")
    dataset = load_dataset("image_folder:faces")
    assert overlap(dataset) == 0
    held = [set(map(tobytes, levels(part))) for part in parts(dataset)]
    assert sum(map(len, held)) == 60 and sum(map(len, parts(dataset))) == 120


def test_another_process_makes_the_same_parts(root, tmp_path):
    write_many(root / "faces")
    environment = {**os.environ, "PARAMREL_CACHE": str(tmp_path / "two"), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "paramrel.data", "prepare", "image_folder:faces"]
    output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    assert json.loads(output) == prepare_dataset("image_folder:faces")

"""What the folders around images mean, as people really lay them out."""

import re
from itertools import product
from pathlib import Path

import pytest

from paramrel.data.sets.folder_tree import SUFFIXES, read_tree

PARTS = ("train", "validation", "test")


@pytest.fixture
def tree(root):
    """Return a function that makes files, `{cat,dog}/1.png` being two, and reads their folders."""

    def make(*files):
        for file in files:
            choices = [part.split(",") for part in re.split(r"[{}]", file)]
            for names in product(*choices):
                path = root / "".join(names)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return read_tree(root)

    return make


def found(tree):
    """Return {part: {class: number of images}}."""
    counts = {}
    for part, label in zip(tree.parts.tolist(), tree.labels.tolist(), strict=True):
        inner = counts.setdefault(PARTS[part] if part >= 0 else None, {})
        name = tree.label_names[label] if tree.label_names else None
        inner[name] = inner.get(name, 0) + 1
    return counts


TWO = {"cat": 1, "dog": 1}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["1.png", "2.png"], {None: {None: 2}}),
        (["{cat,dog}/1.png"], {None: TWO}),
        (["{cat,dog}/deep/er/1.png"], {None: TWO}),
        (["{cat,dog}/1.png", "2.png"], {None: {None: 3}}),
        (["only/1.png", "only/2.png"], {None: {"only": 2}}),
        # hidden ones and those of systems, at every depth
        (["{cat,dog,.ipynb_checkpoints,.git,.thumbnails,__MACOSX,@eaDir}/1.png"], {None: TWO}),
        (["{cat,dog}/1.png", "cat/.ipynb_checkpoints/1-checkpoint.png"], {None: TWO}),
        (["{cat,dog}/1.png", "cat/sub/{.x,__MACOSX}/2.png", "cat/._1.png"], {None: TWO}),
        (["{train,test}/{cat,dog,.x}/1.png", ".x/1.png"], {"train": TWO, "test": TWO}),
        # one folder more around the classes, or around the parts
        (["photos/{cat,dog}/1.png"], {None: TWO}),
        (["photos/2024/all/{cat,dog}/1.png", "photos/README.md"], {None: TWO}),
        (["photos/{cat,dog}/1.png", "annotations/1.xml"], {None: TWO}),
        (["set/train/{cat,dog}/1.png", "set/test/{cat,dog}/1.png"], {"train": TWO, "test": TWO}),
        (["train/{cat,dog}/1.png"], {None: TWO}),
        (["train/1.png", "train/2.png"], {None: {None: 2}}),
        # parts below the classes, and a folder more in each part
        (["cat/{train,test}/1.png", "dog/{train,test}/1.png"], {"train": TWO, "test": TWO}),
        (["a/cat/{train,val}/1.png", "a/dog/{train,val}/1.png"], {"train": TWO, "validation": TWO}),
        (
            ["seg_train/seg_train/{cat,dog}/1.png", "seg_test/seg_test/{cat,dog}/1.png"],
            {"train": TWO, "test": TWO},
        ),
        (["train/{cat,dog}/1.png", "val/cat/sub/1.png"], {"train": TWO, "validation": {"cat": 1}}),
        (["images/{train,val}/1.png", "labels/{train,val}/1.txt"],
         {"train": {None: 1}, "validation": {None: 1}}),
        # a class that is called like a part
        (["{bus,car,train}/1.png"], {None: {"bus": 1, "car": 1, "train": 1}}),
        (["{dev board,keyboard}/1.png"], {None: {"dev board": 1, "keyboard": 1}}),
        (["{test tube,train station}/1.png"], {None: {"test tube": 1, "train station": 1}}),
        (["signs/test/1.png", "traffic/{bus,train}/1.png"], {None: {"signs": 1, "traffic": 2}}),
        # a class that a part does not have
        (["train/{cat,dog}/1.png", "test/cat/1.png", "test/dog/1.heic"],
         {"train": TWO, "test": {"cat": 1}}),
    ],
)  # fmt: skip
def test_folders_mean_what_people_mean_by_them(tree, files, expected):
    assert found(tree(*files)) == expected


NAMES = (
    ("train", "Train", "TRAIN", "training", "trainset", "train_set", "train2017", "train_images"),
    ("val", "valid", "validation", "Val", "dev", "development", "val2017", "validation-set"),
    ("test", "Test", "testing", "testset", "test2017", "tst", "test_data", "my_test"),
)


@pytest.mark.parametrize("names", [*zip(*NAMES, strict=True)])
def test_parts_are_known_by_many_names(tree, names):
    parts = found(tree(*[f"{name}/{{cat,dog}}/1.png" for name in names]))
    assert parts == dict.fromkeys(PARTS, TWO)


def test_a_class_folder_that_is_a_link_is_followed_and_circles_end(tree, root):
    tree("photos/cat/1.png", "elsewhere/2.png", "elsewhere/3.png")
    (root / "photos" / "dog").symlink_to(root / "elsewhere", target_is_directory=True)
    (root / "photos" / "cat" / "again").symlink_to(root / "photos")
    (root / "photos" / "loop").symlink_to(root / "photos")
    (root / "photos" / "cat" / "gone.png").symlink_to(root / "nothing")
    (root / "photos" / "cat" / "4.png").symlink_to(root / "elsewhere" / "2.png")
    read = read_tree(root / "photos")
    assert found(read) == {None: {"cat": 2, "dog": 2}}
    assert read.left_out == {"broken links": 1, "links in a circle": 2}


def test_the_folder_itself_may_be_hidden_or_a_link_or_relative(tree, root, monkeypatch):
    tree("0.png", ".cache/photos/{cat,dog}/1.png")
    (root / "link").symlink_to(root / ".cache")
    assert found(read_tree(root / ".cache" / "photos")) == {None: TWO}
    assert found(read_tree(root / "link" / "photos")) == {None: TWO}
    monkeypatch.chdir(root / ".cache" / "photos")
    for path in (".", "../photos", "../../link/photos"):
        assert found(read_tree(Path(path))) == {None: TWO}


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_suffix_is_read_in_capitals_too(tree, suffix):
    assert found(tree(f"1{suffix}", f"2{suffix.upper()}")) == {None: {None: 2}}


def test_files_that_are_no_images_are_counted_by_their_suffix(tree):
    read = tree("{1,2}.png", "{3,4,5}.HEIC", "notes.txt", "Makefile", ".hidden")
    assert read.left_out == {".heic": 3, ".txt": 1, "without suffix": 1}


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        (["{cat,dog}/1.png", "bird/1.heic", "bird/2.heic"], r"bird stands .* only 2 \.heic; turn"),
        (["photos/cat/1.png", "photos/bird/deep/1.avif"], r"bird stands .* only 1 \.avif"),
        (["train/{cat,dog}/1.png", "test/{cat,dog}/1.png", "test/bird/x"], "bird stands beside"),
        (["{train,test,extra}/1.png"], "train and test, but .*extra/1.png lies in none of them"),
        (["{train,test}/cat/1.png", "0.png"], "train and test, but .*0.png lies in none of them"),
        (["{val,test}/cat/1.png"], "validation and test, but none for training; name it `train`"),
        (["1.heic", "2.heic", "a/notes.txt"], r"no image \(\.bmp, .*; it holds 2 \.heic, 1 \.txt"),
        ([".ipynb_checkpoints/1.png"], r"no image \(\.bmp"),
    ],
)
def test_what_cannot_be_meant_is_told_with_the_whole_path(tree, root, files, cause):
    with pytest.raises((ValueError, FileNotFoundError), match=cause) as caught:
        tree(*files)
    assert str(root) in str(caught.value)


def test_an_empty_folder_beside_classes_is_told(tree, root):
    (root / "bird").mkdir()
    with pytest.raises(ValueError, match="bird stands beside the classes, but holds no image; "):
        tree("{cat,dog}/1.png")


def test_the_classes_are_listed_with_their_sizes(tree, root):
    assert tree("cat/{1,2}.png").classes == "one class only: cat 2"
    assert tree("dog/1.png").classes == "2 classes: cat 2, dog 1"
    many = tree(*[f"c{i:02d}/1.png" for i in range(30)])
    assert many.classes.startswith("32 classes: c00 1, ") and many.classes.endswith("c11 1, …")
    assert tree("0.png").classes == "no classes"

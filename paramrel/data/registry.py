"""The data sets by name: one entry is a source and a reading of its levels."""

import sys
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from torch import Tensor

from paramrel.data.dataset import Dataset, Fields, Split
from paramrel.data.disk.folders import data_folder
from paramrel.data.disk.prepared import Stored, in_memory, open_prepared, prepare
from paramrel.data.drawn.generated import SCENES, SENTENCES, SPRITES
from paramrel.data.factors import Render
from paramrel.data.readings import Examples, Reading
from paramrel.data.sets.celeba import CELEBA
from paramrel.data.sets.cifar import CIFAR10
from paramrel.data.sets.digits import DIGITS, digits_file
from paramrel.data.sets.dsprites import DSPRITES
from paramrel.data.sets.ffhq import FFHQ
from paramrel.data.sets.image_folder import IMAGE_FOLDER, PREFIX
from paramrel.data.sets.mixed import MIXED_FIELDS, mixed_records
from paramrel.data.sets.mnist import FASHION_MNIST, MNIST
from paramrel.data.sets.own import Own
from paramrel.data.sets.sequences import SEQUENCES
from paramrel.data.sets.shapes3d import SHAPES3D
from paramrel.data.sets.text8 import TEXT8
from paramrel.data.sets.text_file import TEXT
from paramrel.data.source import PARTS, Source

Entry = tuple[Source, Reading]


def _grey(name: str, source: Source) -> dict[str, Entry]:
    return {
        name: (source, Reading("binary", 255, "bernoulli-dynamic")),
        f"{name}_threshold": (source, Reading("binary", 255, "threshold-0.5")),
        f"{name}_threshold_0": (source, Reading("binary", 255, "threshold-0")),
        **_levels(f"{name}_discretized", f"{name}_continuous", source),
    }


def _levels(discretized: str, continuous: str, source: Source) -> dict[str, Entry]:
    return {
        discretized: (source, Reading("discretized", source.max_level)),
        continuous: (source, Reading("continuous", source.max_level)),
    }


def _color(name: str, source: Source) -> dict[str, Entry]:
    return _levels(name, f"{name}_continuous", source)


DATASETS: dict[str, Entry] = {
    "digits": (DIGITS, Reading("binary", 16)),
    **_levels("digits_discretized", "digits_continuous", DIGITS),
    "digits_mixed": (DIGITS, Reading("mixed", 16)),
    **_color("scenes", SCENES[32]),
    **_color("scenes_16", SCENES[16]),
    **_color("scenes_64", SCENES[64]),
    "sprites": (SPRITES[32], Reading("binary", 1)),
    "sprites_16": (SPRITES[16], Reading("binary", 1)),
    "sprites_64": (SPRITES[64], Reading("binary", 1)),
    "sentences": (SENTENCES, Reading("categorical", SENTENCES.max_level)),
    **_grey("mnist", MNIST),
    **_grey("fashion_mnist", FASHION_MNIST),
    **_color("cifar10", CIFAR10),
    **_color("celeba", CELEBA),
    **_color("ffhq", FFHQ),
    **_color("shapes3d", SHAPES3D),
    "dsprites": (DSPRITES, Reading("binary", 1)),
    "text8": (TEXT8, Reading("categorical", TEXT8.max_level)),
}

OWN: dict[str, Own] = {"image_folder": IMAGE_FOLDER, "text": TEXT, "sequences": SEQUENCES}


def load_dataset(name: str, root: str | Path | None = None) -> Dataset:
    """Load a data set of the registry, or one's own: `image_folder:PATH`, `text:PATH` or
    `sequences:PATH`, with the options that `image_folder_source`, `text_source` and
    `sequences_source` name.

    root: the folder of the files; by default PARAMREL_DATA, and for the digits see `digits_file`.
    The PATH of one's own data is relative to the working folder. What is missing is downloaded,
    drawn and prepared first.

    Raises ValueError for an unknown name or a damaged file, OSError (of it FileNotFoundError) for
    a file that is missing, can't be read or can't be downloaded.

    >>> load_dataset("digits").train.x.shape
    torch.Size([1257, 1, 8, 8])
    """
    source, reading = find(name)
    _tell(name, source.remark)
    if source is DIGITS:
        path = digits_file(root)
        stored = in_memory(DIGITS.read(path), path)
    else:
        stored = open_prepared(source, data_folder(root))
    dataset = Dataset(
        name=name,
        kind=reading.kind,
        shape=source.shape if reading.kind != "mixed" else (),
        levels=reading.levels,
        **{part: _split(stored, i, source, reading) for i, part in enumerate(PARTS)},
        label_names=source.label_names,
        licence=source.licence,
        citation=source.citation,
        attribute_names=source.attribute_names,
        factors=source.factors,
        render=_render(stored, source, reading),
        alphabet=source.alphabet,
        fields=MIXED_FIELDS if reading.kind == "mixed" else {},
        source=source.url,
        megabytes=source.megabytes,
    )
    vars(dataset)["content"] = stored.content  # recorded: it need not be computed
    return dataset


def from_folder(
    path: str | Path,
    size: int | None = None,
    crop: Literal["center", "none"] = "center",
    color: Literal["rgb", "grey"] = "rgb",
) -> Dataset:
    """Return a data set of the images in a folder, as `load_dataset("image_folder:PATH")` does.

    Folders in it are classes, or parts such as `train` and `test`; see `read_tree`.
    size: pixels of both sides; crop: "center" cuts the largest centred square out first, "none"
    squeezes instead. Raises what `load_dataset` raises.

    >>> import tempfile
    >>> from PIL import Image
    >>> from paramrel.data import Dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in range(9):
    ...         Image.new("RGB", (20, 10), (i, i, i)).save(f"{folder}/{i}.png")
    ...     data = Dataset.from_folder(folder, size=8)
    ...     data.kind, data.levels, data.shape
    ('discretized', 256, (3, 8, 8))
    """
    options = {"size": size, "crop": crop, "color": color}
    defaults = {"size": None, "crop": "center", "color": "rgb"}
    words = [f"{key}={value}" for key, value in options.items() if value != defaults[key]]
    return load_dataset(",".join([f"{PREFIX}{path}", *words]))


def prepare_dataset(name: str, root: str | Path | None = None) -> dict[str, object]:
    """Prepare a data set, verify what lies on disk, and return the record of what it holds.

    Raises what `load_dataset` raises.
    """
    source, _ = find(name)
    _tell(name, source.remark)
    if source is not DIGITS:
        return prepare(source, data_folder(root))
    path = digits_file(root)
    split = DIGITS.read(path).split
    counts = {part: int((split == i).sum()) for i, part in enumerate(PARTS)}
    return {"content": sha256(path.read_bytes()).hexdigest(), **counts}


@cache
def _tell(name: str, remark: str) -> None:
    """Say once a process what is to be known of a source."""
    if remark:
        print(f"{name}: {remark}", file=sys.stderr)


def find(name: str) -> Entry:
    """Return the source and the reading that a name stands for.

    Raises ValueError for an unknown name, with the nearest known one.
    """
    check_name(name)
    if is_source(name):
        own = OWN[name.partition(":")[0]]
        source = own.source(name)
        return source, Reading(own.kind, source.max_level)
    return DATASETS[name]


def check_name(name: str) -> str:
    """Return the name of a data set or of one's own source; no file is looked at.

    Raises ValueError for an unknown name, with the nearest known ones, and for unknown options.
    """
    if is_source(name):
        OWN[name.partition(":")[0]].parse(name)
    elif name not in DATASETS:
        nearest = get_close_matches(name, [*DATASETS, *(f"{own}:PATH" for own in OWN)], n=3)
        hint = "".join(f"; did you mean {n!r}?" for n in nearest)
        raise ValueError(f"name is {name!r}, not one of {', '.join(DATASETS)}{hint}")
    return name


def is_source(name: str) -> bool:
    """Say whether a name tells where one's own data lie, as `image_folder:PATH` does."""
    start, colon, _ = name.partition(":")
    return bool(colon) and start in OWN


def _split(stored: Stored, part: int, source: Source, reading: Reading) -> Split:
    rows = (stored.split == part).nonzero().squeeze(1)
    known = [None if t is None else t[rows] for t in (stored.factors, stored.attributes)]
    return Split(_x(stored, rows, part, source, reading), stored.labels[rows], *known)


def _x(
    stored: Stored, rows: Tensor, part: int, source: Source, reading: Reading
) -> Tensor | Examples | Fields:
    if reading.kind == "mixed":
        training = stored.split == PARTS.index("train")
        return Fields(mixed_records(stored.levels, stored.labels, training)[rows])
    if source is DIGITS:
        return reading(stored.levels[rows])
    x = Examples(stored.levels, rows, reading)
    held_out = part != PARTS.index("train")
    return x.frozen(seed=part) if reading.is_random and held_out else x


def _render(stored: Stored, source: Source, reading: Reading) -> Render | None:
    """Draw x from the factors' values: by the source, or by looking it up in a full table."""
    if source.factors is None:
        return None
    if source.render is not None:
        return lambda values: reading(source.render(values))
    return lambda values: reading(stored.levels[source.factors.to_index(values)])

"""The UCI optical digits: 1,797 handwritten digits of 8×8 pixels with 17 grey levels."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from paramrel.data.disk.files import cause_of, whole_file
from paramrel.data.disk.folders import cache_folder
from paramrel.data.source import PARTS, Original, Source

FILE = "digits.npz"
PINNED = Path(__file__).parents[3] / "data" / FILE  # by data.dvc, in a clone


FIELDS = {"images": np.uint8, "labels": np.uint8, "split": np.int8}


def write_digits(folder: Path) -> Path:
    """Write digits.npz into a folder: the same bytes every time, uncompressed for that reason."""
    bunch = load_digits()
    labels = bunch.target.astype(np.uint8)
    path = folder / FILE
    images = bunch.images.astype(np.uint8)
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(file, images=images, labels=labels, split=_split(labels))
    return path


def digits_file(root: str | Path | None = None) -> Path:
    """Return where digits.npz lies: in root, or else the pinned one of a clone.

    Where there is neither, the same bytes are made from scikit-learn, once, in the cache folder.
    """
    if root is not None:
        return Path(root) / FILE
    if PINNED.is_file():
        return PINNED
    made = cache_folder() / FILE
    return made if made.is_file() else write_digits(cache_folder())


def _split(labels: np.ndarray) -> np.ndarray:
    """70 % training (0), 10 % validation (1) and 20 % test (2), stratified by label."""
    train, rest = train_test_split(
        np.arange(len(labels)), test_size=0.3, stratify=labels, random_state=0
    )
    validation, test = train_test_split(
        rest, test_size=2 / 3, stratify=labels[rest], random_state=0
    )
    split = np.zeros(len(labels), dtype=np.int8)
    split[validation], split[test] = 1, 2
    return split


def read_digits(path: Path) -> Original:
    """Read digits.npz: images (1797, 8, 8) in 0..16, labels and split (1797,).

    Raises FileNotFoundError where the file is missing, ValueError where it is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; fetch it with `dvc pull data`")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {field: file[field] for field in FIELDS}
        _check(arrays)
    except Exception as error:  # a reader of archives raises errors of many kinds
        raise ValueError(
            f"{path} is damaged ({cause_of(error)}); restore it with `dvc pull --force data`"
        ) from error
    return Original([arrays["images"][:, None]], arrays["labels"], arrays["split"])


def _check(arrays: dict[str, np.ndarray]) -> None:
    number = len(arrays["labels"])
    shapes = {"images": (number, *DIGITS.shape[1:]), "labels": (number,), "split": (number,)}
    for field, dtype in FIELDS.items():
        found, wanted = arrays[field], shapes[field]
        if found.dtype != dtype or found.shape != wanted:
            raise ValueError(
                f"{field} is {found.dtype} {found.shape} instead of {np.dtype(dtype)} {wanted}"
            )
    largest = {"images": DIGITS.max_level, "labels": len(DIGITS.label_names) - 1}
    for field, limit in largest.items():
        if arrays[field].max() > limit:
            raise ValueError(f"{field} holds {arrays[field].max()}, above {limit}")
    if set(np.unique(arrays["split"])) != set(range(len(PARTS))):
        raise ValueError(f"split holds {np.unique(arrays['split'])} instead of 0, 1 and 2")


DIGITS = Source(
    name="digits",
    examples=1797,
    shape=(1, 8, 8),
    max_level=16,
    read=read_digits,
    label_names=tuple("0123456789"),
    shares=(0.7, 0.1, 0.2),
    url="https://doi.org/10.24432/C50P49",
    licence="CC BY 4.0",
    citation=(
        "E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits. "
        "UCI Machine Learning Repository. doi:10.24432/C50P49"
    ),
)

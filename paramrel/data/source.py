"""Where a data set comes from: its files, what they hold, and how they are read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paramrel.data.alphabet import Alphabet
from paramrel.data.disk.download import File
from paramrel.data.disk.files import cause_of
from paramrel.data.factors import Factors, Render

PARTS = ("train", "validation", "test")  # the values 0, 1, 2 of a split
UNDECIDED = -1  # in a split: to be decided by the example's content


@dataclass(frozen=True)
class Original:
    """The N examples of a data set as its files hold them, in their order.

    chunks: arrays (n, *shape) uint8 that together are all N; labels: (N,); split: (N,), 0, 1, 2
    or UNDECIDED; factors: (N, F); attributes: (N, A), 0 or 1.
    """

    chunks: Iterable[np.ndarray]
    labels: np.ndarray
    split: np.ndarray
    factors: np.ndarray | None = None
    attributes: np.ndarray | None = None


@dataclass(frozen=True)
class Source:
    """A data set of levels 0..max_level, (N, *shape), before anyone has chosen a reading of it.

    read: takes the paths of the files; shares: of the undecided examples that go to each part;
    render: draws levels from the factors' values where the stored examples aren't a table of all;
    alphabet: what the classes of texts stand for;
    version: changes whenever `read` gives other examples; remark: what whoever loads it is told.
    """

    name: str
    examples: int
    shape: tuple[int, ...]
    max_level: int
    read: Callable[..., Original]
    url: str
    licence: str
    citation: str
    files: tuple[File, ...] = ()
    megabytes: float = 0.0
    label_names: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    factors: Factors | None = None
    render: Render | None = None
    alphabet: Alphabet | None = None
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    version: str = "1"
    remark: str = ""


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file raises into a ValueError that names the file.

    Readers of many formats raise errors of many kinds: KeyError, struct.error, MemoryError …
    """
    try:
        yield
    except PermissionError:  # it says all of this itself
        raise
    except MemoryError as error:
        cause = cause_of(error)
        raise ValueError(f"{path} is damaged, or too large for the memory ({cause})") from error
    except Exception as error:
        raise ValueError(f"{path} is damaged or of another format ({cause_of(error)})") from error


def undecided_before_test(train: int, test: int) -> np.ndarray:
    """Return the split of a set whose files come in two parts, of which only the test is fixed."""
    return np.repeat(np.int8([UNDECIDED, PARTS.index("test")]), [train, test])

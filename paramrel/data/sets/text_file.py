"""A text of one's own, as a data set named by its path: cut to one length, in its order."""

import re
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from paramrel.data.alphabet import LETTERS, Alphabet
from paramrel.data.sets.own import Own, check_signs, parse_name, positive, read_text
from paramrel.data.source import Original, Source

CUTTING = 1  # goes up when the same file is cut to other texts or parts


SHARES = (0.90, 0.05, 0.05)  # of the signs, in their order: the usual split of text8


def text_source(name: str) -> Source:
    """Return the source of `text:PATH`, with any of `,length=N` `,lower` behind the path of a file
    in UTF-8, which is absolute or relative to the working folder.

    The first 90 % of the signs are for training, the next 5 % for validation, the last for the
    test, each cut to texts of 64 signs or of `length`: no text reaches into two parts, and one that
    occurs again in a later part is left out of the earlier. The alphabet is all signs that occur;
    with `lower` it is that of text8, and the text what `only_letters` makes of it.

    Raises FileNotFoundError where there is no file, ValueError for unknown options and for a file
    that is no text, that is too short, or that has more than 256 different signs.
    """
    place, options = parse_text(name)
    path, length = Path(place).expanduser(), options.get("length", 64)
    text = read_text(path)
    if options.get("lower"):
        text, alphabet = only_letters(text), Alphabet(LETTERS)
    else:
        alphabet = Alphabet("".join(sorted(set(text))))
        check_signs(path, alphabet.signs, f"write {name},lower for a to z and spaces alone")
    if len(text) < 20 * length:  # of which 5 % are `length` of them
        raise ValueError(
            f"{path.resolve()} has {len(text)} signs{' of a to z' * ('lower' in options)}; three "
            f"parts of texts of {length} need {20 * length}: give more, or a smaller length, as in "
            f",length={max(len(text) // 20, 1)}"
        )
    original = in_order(alphabet.classes(text), length)
    return Source(
        name=name,
        examples=len(original.labels),
        shape=(length,),
        max_level=len(alphabet.signs) - 1,
        read=lambda: original,
        alphabet=alphabet,
        version=sha256(f"{CUTTING} {text}".encode()).hexdigest(),
        url=place,
        licence="the text's own",
        citation="one's own text",
        remark=f"{len(text)} signs, {len(alphabet.signs)} different, in {path.resolve()}; "
        f"{len(original.labels)} texts of {length} in their order",
    )


def in_order(classes: np.ndarray, length: int) -> Original:
    """Cut classes (n,) uint8 into parts by SHARES and each part into texts (N, length).

    What doesn't fill a text at a part's end is left out.
    """
    ends = np.round(np.cumsum(SHARES) * len(classes)).astype(int)
    parts = [part[: len(part) // length * length] for part in np.split(classes, ends[:-1])]
    texts = [part.reshape(-1, length) for part in parts]
    split = np.repeat(np.int8([0, 1, 2]), [len(part) for part in texts])
    return Original(chunks=texts, labels=np.zeros(len(split), dtype=np.uint8), split=split)


def only_letters(text: str) -> str:
    """Return a text in the letters a to z, without accents, and single spaces for all else.

    >>> only_letters("Déjà vu: 2 straßen!")
    'deja vu strassen'
    """
    plain = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text)).casefold()
    return re.sub("[^a-z]+", " ", plain).strip()


def parse_text(name: str) -> tuple[str, dict[str, Any]]:
    """Split a name into the path and the options; see `parse_name`."""
    options = {"length": positive, "lower": lambda value: value == "" or None}
    return parse_name(name, "file", options, "length=SIGNS and lower")


TEXT = Own(
    parse_text,
    text_source,
    "categorical",
    form="text:PATH[,length=N][,lower]",
    says="a text in UTF-8, cut to texts of 64 signs (or N) in its order; lower: a to z and spaces",
)

"""Texts as classes: the signs of an alphabet, numbered from 0."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LETTERS = " abcdefghijklmnopqrstuvwxyz"


MISSING = "□"  # how class -1, which nobody knows, is written


@dataclass(frozen=True)
class Alphabet:
    """The signs that classes stand for: class k for signs[k].

    pad: the sign that fills short texts up at their end, and that no decoded text ends with; ""
    where all texts have one length.

    >>> letters = Alphabet(" abc", pad=" ")
    >>> letters.encode(["cab", "a"])
    tensor([[3, 1, 2],
            [1, 0, 0]])
    >>> letters.decode(letters.encode(["cab", "a"]))
    ['cab', 'a']
    """

    signs: str
    pad: str = ""

    def classes(self, text: str) -> np.ndarray:
        """Return the classes (n,) uint8 of the n signs of a text, of at most 256 different ones.

        Raises ValueError, which names it, for a sign that the alphabet lacks.
        """
        numbers = np.full(0x110000, -1, dtype=np.int16)
        numbers[_points(self.signs)] = np.arange(len(self.signs))
        classes = numbers[_points(text)]
        if (unknown := np.flatnonzero(classes < 0)).size:
            sign = text[unknown[0]]
            raise ValueError(f"{sign!r} is not in the alphabet {self.signs!r}; leave it out")
        return classes.astype(np.uint8)

    def encode(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """Return texts as classes (N, length), long; by default as long as the longest.

        Raises ValueError for signs that the alphabet lacks, for texts that are longer, and for
        shorter ones where no sign pads them.
        """
        lengths = [len(text) for text in texts]
        length = max(lengths) if length is None else length
        for text, own in zip(texts, lengths, strict=True):
            if own > length or (own < length and not self.pad):
                raise ValueError(f"{text!r} has {own} signs; it must have {length}")
        padded = [text + self.pad * (length - len(text)) for text in texts]
        return torch.from_numpy(self.classes("".join(padded))).long().view(len(texts), length)

    def decode(self, x: Tensor) -> list[str]:
        """Return classes (N, L) as N texts, without what pads them; class -1 is written as □.

        Raises ValueError for what is no class of the alphabet.
        """
        if x.ndim != 2 or x.is_floating_point():
            raise ValueError(f"x is {x.dtype} {tuple(x.shape)}; it must hold whole numbers, (N, L)")
        rows = x.tolist()
        low, high = min(map(min, rows), default=0), max(map(max, rows), default=0)
        if low < -1 or high >= len(self.signs):
            raise ValueError(
                f"x reaches from {low} to {high}; the classes of {self.signs!r} are 0 to "
                f"{len(self.signs) - 1}"
            )
        signs = [*self.signs, MISSING]  # which index -1 finds
        return ["".join([signs[i] for i in row]).rstrip(self.pad) for row in rows]


def _points(text: str) -> np.ndarray:
    """Return the Unicode code points (n,) of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)

"""text8: the first 100,000,000 letters and spaces of the English Wikipedia, 256 at a time."""

import zipfile
from pathlib import Path

import numpy as np

from paramrel.data.alphabet import LETTERS, Alphabet
from paramrel.data.disk.download import File
from paramrel.data.sets.text_file import in_order
from paramrel.data.source import Original, Source, blaming

LENGTH = 256


def read_text8(path: Path) -> Original:
    """Read texts, (N, 256) classes 0..26; what doesn't fill a text at a part's end is left out."""
    with blaming(path), zipfile.ZipFile(path) as archive:
        letters = np.frombuffer(archive.read("text8"), np.uint8)
        classes = np.where(letters == ord(" "), 0, letters - (ord("a") - 1)).astype(np.uint8)
        if len(classes) == 0 or classes.max() >= len(LETTERS):
            raise ValueError("it holds other signs than a to z and spaces")
    return in_order(classes, LENGTH)


TEXT8 = Source(
    name="text8",
    examples=390_624,
    shape=(LENGTH,),
    max_level=len(LETTERS) - 1,
    alphabet=Alphabet(LETTERS),
    read=read_text8,
    files=(
        File(
            "text8.zip",
            "sha256:a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
            "http://mattmahoney.net/dc/text8.zip",
        ),
    ),
    megabytes=31.3,
    url="http://mattmahoney.net/dc/textdata.html",
    licence="CC BY-SA 3.0 (Wikipedia)",
    citation="M. Mahoney (2011). About the Test Data. Large Text Compression Benchmark",
)

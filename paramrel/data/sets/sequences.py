"""Sequences of one's own, as a data set named by its path: one a line, as of proteins or SMILES."""

from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from paramrel.data.alphabet import Alphabet
from paramrel.data.sets.own import Own, check_signs, parse_name, positive, read_text
from paramrel.data.source import UNDECIDED, Original, Source
from paramrel.data.splits import digest, require_parts, split_by_content

NUMBERING = 1  # goes up when the same file is read as other classes or parts


PAD = "␀"  # class 0, of what follows a sequence


def sequences_source(name: str) -> Source:
    """Return the source of `sequences:PATH`, with `,length=N` behind the path where wanted: of a
    file in UTF-8 with one sequence a line, absolute or relative to the working folder.

    Class 0 pads sequences to the longest, or to `length`; none is cut. The others are the signs
    that occur, by their code points. Spaces around a sequence and empty lines do not count. What a
    line holds decides its part, so equal lines meet in one, and more lines move none of the old.

    Raises FileNotFoundError where there is no file, ValueError for unknown options, for a line that
    is longer than `length`, and for a file that is no text, or has too few lines or too many signs.
    """
    place, options = parse_sequences(name)
    path = Path(place).expanduser()
    lines = {i: line.strip() for i, line in enumerate(read_text(path).split("\n"), 1)}
    lines = {i: line for i, line in lines.items() if line}
    length = options.get("length", max(map(len, lines.values())))
    for i, line in lines.items():
        if len(line) > length:
            raise ValueError(
                f"line {i} of {path.resolve()} has {len(line)} signs, more than length={length}; "
                "raise it, or take such lines out"
            )
        if line.startswith(">") or PAD in line:
            raise ValueError(
                f"line {i} of {path.resolve()} holds {line[:20]!r}: a name, as FASTA has them, or "
                f"the sign {PAD} of padding; leave it out"
            )
    sequences = list(lines.values())
    alphabet = Alphabet(PAD + "".join(sorted(set().union(*sequences))), pad=PAD)
    check_signs(path, alphabet.signs, "replace rare ones")
    digests = [digest(sequence.encode()) for sequence in sequences]
    split = split_by_content(digests, np.full(len(digests), UNDECIDED), Source.shares)
    require_parts(f"{name} ({path.resolve()})", digests, split)
    return Source(
        name=name,
        examples=len(sequences),
        shape=(length,),
        max_level=len(alphabet.signs) - 1,
        read=partial(_read, sequences, alphabet, length, split),
        alphabet=alphabet,
        version=sha256("\n".join([str(NUMBERING), *sequences]).encode()).hexdigest(),
        url=place,
        licence="the sequences' own",
        citation="one's own sequences",
        remark=f"{len(sequences)} sequences in {path.resolve()}, {len(set(digests))} different, of "
        f"{min(map(len, sequences))} to {max(map(len, sequences))} signs: {alphabet.signs[1:]}",
    )


def _read(sequences: list[str], alphabet: Alphabet, length: int, split: np.ndarray) -> Original:
    starts = range(0, len(sequences), 4096)
    parts = (alphabet.encode(sequences[start : start + 4096], length) for start in starts)
    chunks = (part.byte().numpy() for part in parts)
    return Original(chunks, labels=np.zeros(len(split), dtype=np.uint8), split=split)


def parse_sequences(name: str) -> tuple[str, dict[str, Any]]:
    """Split a name into the path and the options; see `parse_name`."""
    return parse_name(name, "file", {"length": positive}, "length=SIGNS alone")


SEQUENCES = Own(
    parse_sequences,
    sequences_source,
    "categorical",
    form="sequences:PATH[,length=N]",
    says="one sequence a line, as of proteins or SMILES, padded to the longest (or N)",
)

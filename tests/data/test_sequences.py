"""Sequences of one's own, one a line."""

import random

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.splits import overlap

RANDOM = random.Random(0)
LINES = ["".join(RANDOM.choices("CNO=()", k=RANDOM.randint(4, 9))) for _ in range(300)]
LINES[7] = "C=CC(=O)NC=C"  # the longest


def write(root, lines, end="\n"):
    (root / "smiles.txt").write_bytes(end.join(lines).encode())


def parts(dataset):
    return [getattr(dataset, part) for part in ("train", "validation", "test")]


def texts(dataset):
    return [dataset.to_text(part.x[:]) for part in parts(dataset)]


def test_every_line_is_there_padded_to_the_longest(root):
    write(root, LINES)
    data = load_dataset("sequences:smiles.txt")
    assert (data.kind, data.shape, data.levels) == ("categorical", (12,), 7)
    assert data.alphabet.signs == "␀()=CNO"
    assert sorted(sum(texts(data), [])) == sorted(LINES)
    for part, of_part in zip(parts(data), texts(data), strict=True):
        lengths = (part.x[:] != 0).sum(1)
        assert lengths.tolist() == [len(text) for text in of_part]
        assert all((row[n:] == 0).all() for row, n in zip(part.x[:], lengths, strict=True))
    assert [round(len(part) / 300, 1) for part in parts(data)] == [0.8, 0.1, 0.1]


def test_a_longer_length_pads_more_and_a_shorter_one_names_the_line(root):
    write(root, LINES)
    longer = load_dataset("sequences:smiles.txt,length=20")
    assert longer.shape == (20,) and texts(longer) == texts(load_dataset("sequences:smiles.txt"))
    with pytest.raises(
        ValueError, match=r"line 8 of .*smiles.txt has 12 signs, more than length=9"
    ):
        load_dataset("sequences:smiles.txt,length=9")


def test_equal_lines_meet_in_one_part(root):
    write(root, LINES + LINES[::-1] + LINES)
    data = load_dataset("sequences:smiles.txt")
    assert overlap(data) == 0 and sum(map(len, parts(data))) == 900


def test_more_lines_even_longer_ones_of_new_signs_move_none_of_the_old(root):
    write(root, LINES)
    before = texts(load_dataset("sequences:smiles.txt"))
    write(root, ["#" * 15, *LINES[::-1], "C#N"])
    after = texts(load_dataset("sequences:smiles.txt"))
    for old, new in zip(before, after, strict=True):
        assert set(old) <= set(new) and set(new) - set(old) <= {"#" * 15, "C#N"}


def test_the_parts_are_no_stretches_of_the_file(root):
    write(root, LINES)
    place = {line: i for i, line in enumerate(LINES)}
    places = [torch.tensor([place[text] for text in of_part]) for of_part in
              texts(load_dataset("sequences:smiles.txt"))]  # fmt: skip
    assert all(of_part.min() < 50 and of_part.max() > 250 for of_part in places)


def test_empty_lines_and_spaces_around_do_not_count(root):
    write(root, ["", *(f"{line} " for line in LINES), "", "\t"], end="\r\n")
    spaced = load_dataset("sequences:smiles.txt")
    write(root, LINES)
    assert texts(spaced) == texts(load_dataset("sequences:smiles.txt"))


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            [*LINES[:9], ">sp|P69905|HBA"],
            "line 10 of .*smiles.txt holds '>sp|P69905|HBA': a name, as",
        ),
        ([*LINES[:9], "", "C␀N"], "line 11 of .*smiles.txt holds 'C␀N': .* sign ␀ of padding"),
        ([chr(0x4E00 + i) for i in range(256)], "smiles.txt has 257 different signs, but .* 256"),
        (["CC", "CO"], "smiles.txt.* has 2 examples, too few for three parts"),
        (["CC"] * 50, r"at least 3 that differ are needed \(1 do\)"),
        (["", " "], "smiles.txt is empty"),
    ],
)
def test_lines_that_make_no_set_are_refused(root, lines, cause):
    write(root, lines)
    with pytest.raises(ValueError, match=cause):
        load_dataset("sequences:smiles.txt")


def test_what_was_found_is_said_on_stderr(root, capsys):
    write(root, [*LINES, LINES[0]])
    load_dataset("sequences:smiles.txt")
    found = f"{root / 'smiles.txt'}, {len(set(LINES))} different, of 4 to 12 signs: ()=CNO"
    assert f"sequences:smiles.txt: 301 sequences in {found}\n" in capsys.readouterr().err

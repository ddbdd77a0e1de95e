"""A text of one's own, by its path."""

import doctest
import random

import pytest
import torch

from paramrel.data import load_dataset, prepare_dataset
from paramrel.data.sets import text_file
from paramrel.data.sets.text8 import TEXT8
from paramrel.data.splits import overlap

RANDOM = random.Random(0)
PROSE = "".join(RANDOM.choices("Ab c,é𝄞\n", k=4000))


def write(root, text, name="book.txt", encoding="utf-8"):
    (root / name).write_bytes(text.encode(encoding))


def parts(dataset):
    return [getattr(dataset, part) for part in ("train", "validation", "test")]


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(text_file).attempted and not doctest.testmod(text_file).failed


def test_a_text_is_cut_in_its_order_and_its_parts_share_nothing(root):
    write(root, PROSE)
    data = load_dataset("text:book.txt,length=30")
    assert (data.kind, data.shape, data.levels) == ("categorical", (30,), 8)
    assert data.alphabet.signs == "\n ,Abcé𝄞" and data.label_names == ()
    assert [len(part) for part in parts(data)] == [120, 6, 6]
    for start, part in zip((0, 3600, 3800), parts(data), strict=True):
        assert "".join(data.to_text(part.x[:])) == PROSE[start : start + 30 * len(part)]
    assert data.train.x[:3].dtype == torch.long and overlap(data) == 0


def test_texts_have_64_signs_where_nothing_else_is_said(root):
    write(root, PROSE)
    assert load_dataset("text:book.txt").shape == (64,)


def test_lower_keeps_letters_and_single_spaces_in_the_alphabet_of_text8(root):
    words = RANDOM.choices(["Où", "est-il?\n\n", "LÀ", "42"], k=900)
    write(root, " ".join(words))
    data = load_dataset("text:book.txt,lower,length=50")
    assert data.levels == 27 and data.alphabet == TEXT8.alphabet
    meant = {"Où": "ou", "est-il?\n\n": "est il", "LÀ": "la"}
    kept = " ".join(meant[word] for word in words if word in meant)
    assert kept.startswith("".join(data.to_text(data.train.x[:])))


def test_a_text_that_occurs_again_in_a_later_part_stays_there_alone(root):
    write(root, PROSE[:3600] + PROSE[:30] + PROSE[3630:])
    data = load_dataset("text:book.txt,length=30")
    assert [len(part) for part in parts(data)] == [119, 6, 6] and overlap(data) == 0
    assert data.to_text(data.validation.x[:1]) == [PROSE[:30]]


def test_ends_of_lines_and_a_mark_of_bytes_make_no_difference(root):
    write(root, PROSE)
    write(root, PROSE.replace("\n", "\r\n"), "windows.txt", "utf-8-sig")
    one, other = (load_dataset(f"text:{name}.txt,length=30") for name in ("book", "windows"))
    assert one.alphabet == other.alphabet and torch.equal(one.train.x[:], other.train.x[:])


def test_the_largest_alphabet_has_256_signs(root):
    signs = [chr(0x4E00 + i) for i in range(257)]
    write(root, "".join(signs[:256] + RANDOM.choices(signs[:256], k=3000)))
    data = load_dataset("text:book.txt,length=100")
    assert data.levels == 256 and data.train.x[:].max() == 255
    write(root, "".join(signs))
    with pytest.raises(
        ValueError, match="book.txt has 257 different signs, .* 256; .*txt,length=9"
    ):
        load_dataset("text:book.txt,length=9")


@pytest.mark.parametrize("number", [20, 39, 50, 70, 90, 1279])
def test_a_text_that_is_too_short_is_told_the_length_that_would_do(root, number):
    write(root, PROSE[:number])
    with pytest.raises(ValueError, match=f"{number} signs; three .* of 64 need 1280: ") as raised:
        load_dataset("text:book.txt")
    _, _, option = str(raised.value).partition("as in ")
    data = load_dataset(f"text:book.txt{option}")
    assert data.shape == (number // 20,) and all(len(part) for part in parts(data))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "book.txt is empty"),
        (b" \n\n", "book.txt is empty"),
        (
            b"a\xff\xfeb" * 500,
            r"book.txt is no text in UTF-8 \(see byte 1\); unpack it, or save",
        ),
        (b"\x1f\x8b\x08" * 500, "book.txt is no text in UTF-8"),
        (b"PK\x03\x04\0\0" * 500, "book.txt is a binary file"),
        ("ж".encode() * 1500, "too few for three parts"),
    ],
)
def test_what_is_no_text_to_learn_from_is_refused(root, content, cause):
    (root / "book.txt").write_bytes(content)
    with pytest.raises(ValueError, match=cause):
        load_dataset("text:book.txt")


def test_a_text_without_letters_has_nothing_to_keep_in_lower_case(root):
    write(root, "жук 42\n" * 500)
    with pytest.raises(ValueError, match="has 0 signs of a to z; three parts of texts of 64 need"):
        load_dataset("text:book.txt,lower")


def test_a_missing_file_and_a_folder_are_told(root):
    (root / "folder").mkdir()
    for name in ("nowhere.txt", "folder"):
        with pytest.raises(FileNotFoundError, match=f"no file {root / name}; a relative path"):
            load_dataset(f"text:{name}")


def test_a_path_may_hold_commas(root):
    write(root, PROSE, "me, you,lower")
    assert load_dataset("text:me, you,lower").levels == 8
    assert load_dataset("text:me, you,lower,length=5,lower").levels == 27


def test_a_changed_text_is_read_again(root):
    write(root, PROSE)
    before = prepare_dataset("text:book.txt")
    write(root, PROSE[::-1])
    after = prepare_dataset("text:book.txt")
    assert before["content"] != after["content"]
    write(root, PROSE)
    assert prepare_dataset("text:book.txt") == before


def test_what_was_found_is_said_on_stderr(root, capsys):
    write(root, PROSE, "said.txt")
    load_dataset("text:said.txt,length=30")
    line = f"4000 signs, 8 different, in {root / 'said.txt'}; 132 texts of 30 in their order"
    assert f"text:said.txt,length=30: {line}\n" in capsys.readouterr().err

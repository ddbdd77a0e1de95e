"""Alphabets: texts as classes and back."""

import doctest

import pytest
import torch

from paramrel.data import Alphabet, Dataset, alphabet
from paramrel.data.alphabet import LETTERS

SIGNS = Alphabet(" abé𝄞")
PADDED = Alphabet("␀ab", pad="␀")


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(alphabet).attempted == 3 and not doctest.testmod(alphabet).failed


def test_a_class_is_the_place_of_its_sign_in_the_alphabet():
    x = SIGNS.encode(["é a", "𝄞𝄞b"])
    assert x.dtype == torch.long and x.tolist() == [[3, 0, 1], [4, 4, 2]]
    assert SIGNS.decode(x) == ["é a", "𝄞𝄞b"]
    assert SIGNS.classes("ba").tolist() == [2, 1]


def test_all_256_classes_of_a_byte_come_back():
    wide = Alphabet("".join(map(chr, range(256, 512))))
    assert wide.encode([wide.signs])[0].tolist() == list(range(256))
    assert wide.decode(wide.encode([wide.signs])) == [wide.signs]


def test_short_texts_are_padded_at_their_end_and_come_back_without():
    assert PADDED.encode(["ab", "", "b"], 3).tolist() == [[1, 2, 0], [0, 0, 0], [2, 0, 0]]
    assert PADDED.decode(PADDED.encode(["ab", "", "b"], 3)) == ["ab", "", "b"]


def test_padding_within_a_text_which_a_model_may_draw_is_shown():
    assert PADDED.decode(torch.tensor([[1, 0, 2, 0]])) == ["a␀b"]


def test_spaces_at_the_end_stay_where_nothing_pads():
    assert Alphabet(LETTERS).decode(torch.tensor([[1, 0, 0]])) == ["a  "]


def test_missing_classes_are_shown():
    assert SIGNS.decode(torch.tensor([[1, -1, 2]])) == ["a□b"]


def test_texts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'c' is not in the alphabet ' abé𝄞'"):
        SIGNS.encode(["abc"])
    with pytest.raises(ValueError, match="'ab' has 2 signs; it must have 1"):
        PADDED.encode(["a", "ab"], 1)
    with pytest.raises(ValueError, match="'a' has 1 signs; it must have 2"):
        SIGNS.encode(["a", "ab"])


@pytest.mark.parametrize(
    ("x", "cause"),
    [
        (torch.tensor([[0, 5]]), "x reaches from 0 to 5; the classes of ' abé𝄞' are 0 to 4"),
        (torch.tensor([[-2, 0]]), "x reaches from -2 to 0"),
        (torch.zeros(2, 3), "x is torch.float32"),
        (torch.zeros(3, dtype=torch.long), r"x is torch.int64 \(3,\); .* \(N, L\)"),
    ],
)
def test_what_is_no_class_is_refused(x, cause):
    with pytest.raises(ValueError, match=cause):
        SIGNS.decode(x)


def test_a_set_without_an_alphabet_says_that_it_holds_no_texts():
    data = Dataset.from_tensors(torch.arange(30).view(30, 1), "categorical", name="numbers")
    with pytest.raises(ValueError, match="numbers has no alphabet"):
        data.to_text(data.test.x)

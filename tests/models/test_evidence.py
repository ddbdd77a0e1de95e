"""What is hidden in training, and what a model that is told so makes of it."""

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.dataset import Variable
from paramrel.data.fields import each, leaves
from paramrel.models.evidence import (
    ImagePatterns,
    RecordPatterns,
    VectorPatterns,
    evidence,
    greatest_time,
    least_time,
    patterns_of,
)

CPU = torch.device("cpu")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_kind_of_data_has_its_patterns():
    assert isinstance(patterns_of(load_dataset("digits").variables), ImagePatterns)
    assert isinstance(patterns_of(load_dataset("digits_mixed").variables), RecordPatterns)
    assert isinstance(patterns_of(Variable("continuous", (5,), None)), VectorPatterns)


@pytest.mark.parametrize(
    "patterns",
    [
        ImagePatterns((3, 8, 12)),
        VectorPatterns((6,)),
        VectorPatterns(()),
        RecordPatterns({"pixels": (1, 8, 8), "label": ()}),
    ],
)
def test_patterns_have_the_shape_of_the_data_and_follow_the_generator(patterns):
    drawn, again, other = (patterns.draw(50, seeded(seed), CPU) for seed in (0, 0, 1))
    shape = getattr(patterns, "shapes", None) or patterns.shape
    assert each(lambda part: (part.dtype, tuple(part.shape)), drawn) == each(
        lambda size: (torch.bool, (50, *size)), shape
    )
    pairs = zip(leaves(drawn), leaves(again), leaves(other), strict=True)
    assert all(torch.equal(a, b) and not torch.equal(a, c) for a, b, c in pairs)


def kind_of(hidden):
    """Which pattern an image's hidden pixels (H, W) are."""
    rows, columns = hidden.any(1), hidden.any(0)
    if not hidden.any():
        return "nothing"
    if not torch.equal(hidden, rows[:, None] & columns):
        return "pixels"
    spans = [line.nonzero() for line in (rows, columns)]
    if any(len(span) != span[-1] - span[0] + 1 for span in spans):
        return "pixels"
    whole = [line.all().item() for line in (rows, columns)]
    line = columns if whole[0] else rows
    return "side" if any(whole) and (line[0] or line[-1]) else "rectangle"


def test_images_show_each_pattern_in_a_fourth_of_the_examples():
    seen = ImagePatterns((2, 16, 16)).draw(4000, seeded(), CPU)
    assert torch.equal(seen[:, 0], seen[:, 1])
    hidden = ~seen[:, 0]
    kinds = [kind_of(image) for image in hidden]
    for kind in ("nothing", "pixels", "side", "rectangle"):
        # random pixels at rates near 0 and 1 hide none, one, or all: they are called otherwise
        assert kinds.count(kind) / 4000 == pytest.approx(0.25, abs=0.035)
    share = hidden.float().mean((1, 2))
    sides = share[torch.tensor([kind == "side" for kind in kinds])]
    assert sides.min() >= 0.25 and sides.quantile(0.99) <= 0.75
    assert sides.mean().item() == pytest.approx(0.5, abs=0.02)
    edges = [
        hidden[:, 0].all(1),
        hidden[:, -1].all(1),
        hidden[:, :, 0].all(1),
        hidden[..., -1].all(1),
    ]
    assert all(0.05 < edge.float().mean() < 0.09 for edge in edges)  # ¼ · ¼ and rare pixels


def test_entries_and_fields_are_hidden_at_a_uniform_rate_in_three_fourths():
    seen = VectorPatterns((4,)).draw(40_000, seeded(), CPU)
    number = seen.sum(1).bincount(minlength=5) / 40_000
    expected = torch.tensor([0.15, 0.15, 0.15, 0.15, 0.15 + 0.25])  # ¾ · 1/5
    torch.testing.assert_close(number, expected, rtol=0, atol=0.01)
    fields = RecordPatterns({"a": (2, 2), "b": (), "c": (3,)}).draw(40_000, seeded(), CPU)
    whole = {name: part.reshape(40_000, -1).float().mean(1) for name, part in fields.items()}
    for share in whole.values():
        assert set(share.tolist()) == {0.0, 1.0}
        assert share.mean().item() == pytest.approx(0.625, abs=0.01)  # ¾ · ½ + ¼


def test_times_of_evidence_and_the_times_of_what_is_known_least_and_best():
    seen = {"a": torch.tensor([[True, False], [True, True]]), "b": torch.tensor([False, True])}
    t = evidence(seen, torch.tensor([0.9, 0.8]), torch.tensor([0.2, 0.3]))
    torch.testing.assert_close(t["a"], torch.tensor([[0.9, 0.2], [0.8, 0.8]]))
    torch.testing.assert_close(t["b"], torch.tensor([0.2, 0.8]))
    torch.testing.assert_close(least_time(t), torch.tensor([0.2, 0.8]))
    torch.testing.assert_close(greatest_time(t), torch.tensor([0.9, 0.8]))
    shared = torch.tensor([0.1, 0.7])
    assert torch.equal(least_time(shared), shared) and torch.equal(greatest_time(shared), shared)

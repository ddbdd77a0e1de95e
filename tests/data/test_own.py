"""One's own tensors, tables, torch Datasets and folders as data sets, in one call each."""

import doctest
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import IterableDataset, TensorDataset

from paramrel.data import Dataset, load_dataset, prepare_dataset
from paramrel.data.fields import missing
from paramrel.data.splits import overlap
from paramrel.data.subset import subset

PARTS = ("train", "validation", "test")
FRACTIONS = torch.rand(200, 1, 4, 4, generator=torch.Generator().manual_seed(0))
BYTES = (FRACTIONS * 255).round().to(torch.uint8)


def splits(data):
    return [getattr(data, part) for part in PARTS]


def together(data):
    return torch.cat([part.x for part in splits(data)])


def rows(x):
    return sorted(map(tuple, x.flatten(1).tolist()))


@pytest.mark.parametrize("home", ["tensors", "tables", "torch_datasets", "registry", "disk.files"])
def test_the_examples_of_the_docstrings_run(home):
    result = doctest.testmod(import_module(f"paramrel.data.{home}"))
    assert result.attempted and not result.failed


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: x.numpy(), lambda x: x.double().numpy()])
def test_tensors_and_arrays_are_held_as_they_are(wrap):
    x = 2 * FRACTIONS - 1
    data = Dataset.from_tensors(wrap(x), "continuous", labels=np.arange(200) % 3, name="mine")
    assert (data.name, data.kind, data.shape, data.levels) == (
        "mine",
        "continuous",
        (1, 4, 4),
        None,
    )
    assert together(data).dtype == torch.float32 and rows(together(data)) == rows(x)
    assert data.label_names == ("0", "1", "2")
    place = {tuple(row): i for i, row in enumerate(x.flatten(1).tolist())}
    for part in splits(data):
        labels = [place[tuple(row)] % 3 for row in part.x.flatten(1).tolist()]
        assert part.labels.dtype == torch.long and part.labels.tolist() == labels


@pytest.mark.parametrize(
    ("values", "kind", "levels", "found", "expected"),
    [
        (BYTES > 99, "binary", None, 2, (BYTES > 99).long()),
        ((BYTES > 99).float(), "binary", None, 2, (BYTES > 99).long()),
        (BYTES.long() % 5, "categorical", None, 5, BYTES.long() % 5),
        (BYTES.long() % 5, "categorical", 9, 9, BYTES.long() % 5),
        (BYTES, "discretized", None, 256, (2 * BYTES.double() + 1) / 256 - 1),
        (BYTES % 17, "discretized", 17, 17, (2 * (BYTES % 17).double() + 1) / 17 - 1),
        (BYTES.int() % 17, "discretized", None, 17, (2 * (BYTES % 17).double() + 1) / 17 - 1),
        ((2 * BYTES.float() + 1) / 256 - 1, "discretized", 256, 256,
         (2 * BYTES.double() + 1) / 256 - 1),
        (BYTES.numpy().astype(np.uint16), "categorical", 256, 256, BYTES.long()),
        (BYTES.numpy().astype(">i4"), "categorical", 256, 256, BYTES.long()),
    ],
)  # fmt: skip
def test_each_kind_reads_its_values(values, kind, levels, found, expected):
    data = Dataset.from_tensors(values, kind, levels=levels)
    assert (data.kind, data.levels) == (kind, found)
    x = together(data)
    assert x.dtype == (torch.float32 if kind == "discretized" else torch.long)
    np.testing.assert_allclose(rows(x), rows(expected), atol=1e-7)


@pytest.mark.parametrize(
    ("x", "kind", "options", "cause"),
    [
        (255 * FRACTIONS, "continuous", {}, r"x reaches from 0.* to 25.*\[-1, 1\]: scale them, as"),
        (BYTES, "continuous", {}, "x reaches from 0 to 255; continuous values lie in"),
        (BYTES, "binary", {}, "0 to 255; binary values are whole numbers from 0 to 1$"),
        (FRACTIONS, "binary", {}, "x holds fractions; binary values"),
        (FRACTIONS, "categorical", {}, "x holds fractions; categorical values"),
        (BYTES.int() - 1, "categorical", {}, "from -1 to 254; .* whole numbers from 0 on"),
        (BYTES, "categorical", {"levels": 9}, "0 to 255; .* from 0 to 8"),
        (BYTES * 0, "categorical", {}, "x has one value only"),
        (FRACTIONS, "discretized", {}, "name its number of bins, as in levels=256"),
        (FRACTIONS, "discretized", {"levels": 4}, "other values than the centres of 4 bins"),
        (FRACTIONS / 0, "continuous", {}, "200|3200 infinite values|values that are NaN"),
        (FRACTIONS, "gaussian", {}, "'gaussian'; it must be one of binary, categorical, disc"),
        (FRACTIONS + 0j, "continuous", {}, "must hold real numbers"),
        (torch.tensor(1.0), "continuous", {}, r"must hold real numbers, \(N, ...\)"),
        (FRACTIONS[:0], "continuous", {}, r"must hold real numbers, \(N, ...\)"),
        (["a", "b"], "categorical", {}, "x holds <U1; it must hold numbers"),
        (
            FRACTIONS[:2],
            "continuous",
            {},
            "2 examples, too few for three.* at least 3",
        ),
        (
            FRACTIONS[[0] * 50],
            "continuous",
            {"name": "mine"},
            "mine has 50 .*3 that .*1 do",
        ),
        (FRACTIONS, "continuous", {"splits": (0.9, 0.1, 0)}, "three positive shares that make 1"),
        (FRACTIONS, "continuous", {"labels": [0, 1]}, r"labels have the shapes \[\(2,\)\], for"),
        (FRACTIONS, "continuous", {"labels": [-1] * 200}, "labels reaches from -1 to -1"),
        (FRACTIONS, "continuous", {"labels": [0.5] * 200}, "labels holds fractions"),
        (FRACTIONS, "continuous", {"labels": [2] * 200, "label_names": "ab"}, "from 0 to 1"),
        (FRACTIONS, "continuous", {"labels": ["c"] * 200, "label_names": "ab"}, "'c'.* not among"),
        ((FRACTIONS, FRACTIONS), "continuous", {}, "2 parts; .* tuple .train, validation, test"),
        ((FRACTIONS, FRACTIONS, BYTES[:, 0]), "continuous", {}, "unequal fields or shapes"),
        ({"a": FRACTIONS, "b": BYTES[:9]}, "continuous", {}, "unequal lengths"),
        ({"a": FRACTIONS}, {"b": "binary"}, {}, "kinds names 'b', but the fields are .'a'."),
        ({"a": FRACTIONS, "b": BYTES}, {"b": "binary"}, {}, "no kind for the field 'a'"),
        ({}, {}, {}, "unequal fields"),
    ],
)
def test_what_no_flow_can_model_is_refused_in_one_sentence(x, kind, options, cause):
    with pytest.raises(ValueError, match=cause) as caught:
        Dataset.from_tensors(x, kind, **options)
    assert "\n" not in str(caught.value)


def test_equal_examples_meet_in_one_part_and_the_order_of_all_does_not_matter():
    x = 2 * FRACTIONS - 1
    data = Dataset.from_tensors(torch.cat([x, x]), "continuous")
    assert overlap(data) == 0
    again = Dataset.from_tensors(x.flip(0), "continuous")
    for part, other in zip(splits(data), splits(again), strict=True):
        assert rows(part.x) == sorted(2 * rows(other.x))


def test_another_seed_splits_otherwise_and_three_examples_suffice():
    x = 2 * FRACTIONS - 1
    first, second = (Dataset.from_tensors(x, "continuous", seed=seed) for seed in (0, 1))
    assert rows(first.test.x) != rows(second.test.x)
    for start in range(190):
        few = Dataset.from_tensors(x[start : start + 3], "continuous")
        assert [len(part) for part in splits(few)] == [1, 1, 1]


def test_parts_that_are_given_stay_as_they_are():
    x = 2 * FRACTIONS - 1
    parts, labels = (x[:9], x[9:12], x[:4]), (["b"] * 9, ["a"] * 3, ["b"] * 4)
    data = Dataset.from_tensors(parts, "continuous", labels=labels)
    assert all(torch.equal(s.x, part) for s, part in zip(splits(data), parts, strict=True))
    assert data.label_names == ("a", "b") and data.validation.labels.tolist() == [0, 0, 0]


def test_a_dict_of_fields_is_a_mixed_record():
    x = {"image": BYTES, "label": BYTES[:, 0, 0, 0] % 3, "height": 2 * FRACTIONS[:, 0, 0, 0] - 1}
    kinds = {"image": "discretized", "label": "categorical", "height": "continuous"}
    data = Dataset.from_tensors(x, kinds, levels={"label": 4})
    assert (data.kind, data.shape, data.levels) == ("mixed", (), None)
    assert {f: (v.shape, v.levels) for f, v in data.variables.items()} == {
        "image": ((1, 4, 4), 256), "label": ((), 4), "height": ((), None),
    }  # fmt: skip
    record = data.train.x[:5]
    assert record.keys() == x.keys() and record["image"].shape == (5, 1, 4, 4)
    assert sum(map(len, splits(data))) == 200


def test_the_content_is_that_of_the_examples_and_their_meaning(root):
    x = 2 * FRACTIONS - 1
    data = Dataset.from_tensors(x, "continuous")
    assert data.content == Dataset.from_tensors(x.clone(), "continuous", name="b").content
    bins, labels = x.flip(0) * 0.5, torch.arange(200) % 2
    others = [
        Dataset.from_tensors(x, "continuous", seed=1),
        Dataset.from_tensors(x, "continuous", labels=labels),
        Dataset.from_tensors(bins, "continuous"),
        Dataset.from_tensors(x.flatten(1), "continuous"),
        Dataset.from_tensors(BYTES, "discretized"),
        Dataset.from_tensors(BYTES, "categorical"),
        Dataset.from_tensors({"x": x}, {"x": "continuous"}),
        subset(data, 10),
        replace(data, test=data.validation),
    ]
    assert len({d.content for d in others} | {data.content}) == 1 + len(others)


def test_the_content_of_a_set_with_a_name_is_the_recorded_one(root, monkeypatch):
    monkeypatch.setattr("paramrel.data.drawn.generated.NUMBER", 50)
    for name in ("digits", "digits_mixed", "sprites_16"):
        data = load_dataset(name)
        assert data.content == prepare_dataset(name)["content"]
        assert subset(data, 5).content != data.content


def test_a_table_becomes_records_whose_columns_are_fields():
    number = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": number.integers(1, 90, 300),
            "rooms": number.integers(1, 6, 300),
            "price": number.normal(300, 80, 300),
            "city": number.choice(["Graz", "Linz", "Wien"], 300),
            "owned": number.random(300) > 0.5,
            "grade": pd.Categorical(number.choice(["low", "high"], 300), ["low", "high"]),
        }
    )
    data = Dataset.from_dataframe(table)
    kinds = {field: variable.kind for field, variable in data.fields.items()}
    assert kinds == {
        "age": "continuous", "rooms": "categorical", "price": "continuous", "city": "categorical",
        "owned": "categorical", "grade": "categorical",
    }  # fmt: skip
    assert data.fields["rooms"].levels == 5 and data.categories["grade"] == ("low", "high")
    train = data.train.x["price"]
    assert train.min() == -1 and train.max() == 1
    assert all(part.x["price"].abs().max() <= 1 for part in splits(data))
    back = data.to_dataframe(data.train.x[:])
    assert list(back) == list(table)
    kept = table.merge(back.round(3).assign(age=back.age.round()), on=["age", "city", "rooms"])
    assert len(kept) >= len(back)
    assert set(back.city) == {"Graz", "Linz", "Wien"} and back.owned.dtype == bool


def test_the_kinds_of_columns_can_be_named():
    table = pd.DataFrame({"count": np.arange(60) % 7, "sex": ["f", "m"] * 30})
    data = Dataset.from_dataframe(table, {"count": "continuous", "sex": "binary"}, name="people")
    assert {f: v.kind for f, v in data.fields.items()} == {"count": "continuous", "sex": "binary"}
    assert data.scales["count"] == (0, 6) and data.name == "people"


@pytest.mark.parametrize(
    ("columns", "kinds", "cause"),
    [
        ({"a": 4 * [None], "b": [1.0, 2, 3, 4]}, {}, "a: one value only"),
        ({"a": [1.0, 2, 3, np.inf]}, {}, "a has 1 infinite values"),
        ({"a": [1, 1, 1, 1], "b": [1, 2, 3, 4]}, {}, "a: one value only"),
        ({"a": [1, 2, 3, 4]}, {"b": "binary"}, "kinds names 'b'"),
        ({"a": [1, 2, 3, 4]}, {"a": "binary"}, "binary values are whole numbers from 0 to 1"),
        ({"a": pd.date_range("2024", periods=4)}, {}, "a holds datetime64"),
        ({"a": [1, 2], "b": [3.0, 4]}, {}, "own has 2 examples"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_told_by_its_columns(columns, kinds, cause):
    with pytest.raises(ValueError, match=cause):
        Dataset.from_dataframe(pd.DataFrame(columns), kinds)


class Pairs(torch.utils.data.Dataset):
    """Pairs of an image and a class, as torchvision's are."""

    classes = ("even", "odd")

    def __init__(self, mode="RGB", transform=lambda image: image):
        self.mode, self.transform = mode, transform

    def __len__(self):
        return 30

    def __getitem__(self, i):
        pixels = np.full((4, 6, 3), 8 * i, np.uint8)
        return self.transform(Image.fromarray(pixels).convert(self.mode)), i % 2


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("RGBA", 3), ("LA", 1)])
def test_pairs_of_images_and_classes_are_bytes_with_names(mode, channels):
    data = Dataset.from_torch(Pairs(mode), name="pairs")
    assert (data.kind, data.levels, data.shape) == ("discretized", 256, (channels, 4, 6))
    assert data.label_names == ("even", "odd")
    for part in splits(data):
        values = ((part.x[:, 0, 0, 0] + 1) * 256 - 1) / 2
        assert torch.equal(values / 8 % 2, part.labels.float())


def test_fractions_from_0_to_1_are_scaled_as_their_kind_needs():
    def transform(image):
        return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255

    continuous = Dataset.from_torch(Pairs(transform=transform))
    assert continuous.kind == "continuous" and together(continuous).min() == -1
    bins = Dataset.from_torch(Pairs(transform=transform), "discretized")
    assert torch.equal(together(bins), together(Dataset.from_torch(Pairs())))
    raw = Dataset.from_torch(TensorDataset(2 * FRACTIONS - 1))
    assert rows(together(raw)) == rows(2 * FRACTIONS - 1) and raw.label_names == ()


def test_streams_and_three_torch_datasets_are_taken():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(BYTES)

    assert sum(map(len, splits(Dataset.from_torch(Stream())))) == 200
    parts = tuple(TensorDataset(BYTES[i::3], torch.full((len(BYTES[i::3]),), i)) for i in range(3))
    data = Dataset.from_torch(parts)
    assert [part.labels.unique().tolist() for part in splits(data)] == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("examples", "cause"),
    [
        ([torch.zeros(3), torch.zeros(4)], r"example 1 has the shape \(4,\), but the first \(3,\)"),
        ([(torch.zeros(3), torch.zeros(2))], r"example 0 is a pair whose second is tensor.*class"),
        ([(torch.zeros(3), 0.5)], "second is 0.5; it must be a class"),
        (["text"], "example 0 is a str, no tensor and no image"),
        ([], "holds no example"),
    ],
)
def test_what_a_torch_dataset_cannot_give_is_told(examples, cause):
    with pytest.raises(ValueError, match=cause):
        Dataset.from_torch(examples)


def test_a_folder_is_loaded_by_its_path_with_options(tmp_path):
    for i in range(20):
        Image.new("RGB", (20, 10), (i, 0, 0)).save(tmp_path / f"{i}.png")
    data = Dataset.from_folder(tmp_path, size=8, color="grey", crop="none")
    assert data.shape == (1, 8, 8)
    assert data.name == f"image_folder:{tmp_path},size=8,crop=none,color=grey"
    assert data.content == load_dataset(data.name).content


def test_missing_numbers_and_classes_stay_missing_where_they_are_said_to_be():
    x = BYTES[:, 0, 0].float()
    x[::3, 0] = torch.nan
    for kind, mark in (("discretized", torch.nan), ("categorical", -1)):
        data = Dataset.from_tensors(x, kind, levels=256, missing=True, splits=(0.5, 0.25, 0.25))
        parts = [split.x for split in (data.train, data.validation, data.test)]
        values = torch.cat(parts)
        gone = missing(values)
        assert int(gone.sum()) == int(x.isnan().sum())
        assert gone[:, 0].any() and not gone[:, 1:].any()
        marks = values[gone]
        assert marks.isnan().all() if kind == "discretized" else (marks == mark).all()
        complete = Dataset.from_tensors(x.nan_to_num().long(), kind, levels=256)
        assert data.levels == complete.levels and values.dtype == complete.train.x.dtype
    with pytest.raises(ValueError, match="say so with missing=True"):
        Dataset.from_tensors(x, "categorical", levels=256)
    with pytest.raises(ValueError, match="all values of x are missing"):
        Dataset.from_tensors(x * torch.nan, "categorical", missing=True)


def test_a_table_with_gaps_comes_back_with_its_gaps():
    """Words, whole numbers, fractions and truth values, of each of which some are missing."""
    rng, number = np.random.default_rng(0), 300
    df = pd.DataFrame(
        {
            "city": rng.choice(["Graz", "Linz", "Wien"], number),
            "rooms": rng.integers(1, 6, number),
            "area": rng.normal(80, 20, number).round(1),
            "owned": rng.choice([True, False], number),
            "id": np.arange(number) / 1000,
        }
    )
    gaps = pd.DataFrame(rng.random(df.shape) < 0.2, columns=df.columns).assign(id=False)
    data = Dataset.from_dataframe(df.mask(gaps))
    assert {name: field.kind for name, field in data.fields.items()} == {
        "city": "categorical",
        "rooms": "categorical",
        "area": "continuous",
        "owned": "categorical",
        "id": "continuous",
    }
    back = pd.concat(
        data.to_dataframe(part.x[:]) for part in (data.train, data.validation, data.test)
    )
    rows = (back["id"] * 1000).round().astype(int)
    inside = data.scales["area"]
    expected = df.mask(gaps).loc[rows].reset_index(drop=True)
    back = back.reset_index(drop=True)
    assert back.drop(columns="id").isna().equals(expected.drop(columns="id").isna())
    for column in ("city", "rooms", "owned"):
        known = expected[column].notna()
        assert (back.loc[known, column] == expected.loc[known, column]).all()
    np.testing.assert_allclose(
        back["area"].astype(float), expected["area"].clip(*inside), atol=1e-4, equal_nan=True
    )


@pytest.mark.parametrize(("levels", "number"), [(3, 1), (17, 8), (4, 0)])
def test_zeros_beside_missing_values_are_the_middle_bin_where_there_is_one(levels, number):
    x = torch.zeros(60, 2)
    x[::3, 1] = torch.nan
    data = Dataset.from_tensors(
        (x[:20], x[20:40], x[40:]), "discretized", levels=levels, missing=True
    )
    centre = torch.tensor((2 * number + 1) / levels - 1)
    torch.testing.assert_close(
        together(data), centre.where(~x.isnan(), torch.nan), equal_nan=True, rtol=0, atol=1e-6
    )

"""The registry: every name, what it says of itself, and the commands."""

import json
import os
import subprocess
import sys

import pytest
import torch

from paramrel.data import DATASETS, find, load_dataset
from paramrel.data.__main__ import main
from paramrel.data.listing import list_datasets
from paramrel.data.registry import OWN
from paramrel.data.sets.digits import write_digits

PARTS = ("train", "validation", "test")
DRAWN = [name for name in DATASETS if name.startswith(("scenes", "sprites"))]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("paramrel.data.drawn.generated.NUMBER", 100)


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_set_keeps_what_it_says_of_itself(few, name):
    dataset = load_dataset(name)
    assert dataset.name == name and dataset.source == "generated" and dataset.megabytes == 0
    splits = [getattr(dataset, part) for part in PARTS]
    assert sum(map(len, splits)) == 100
    for split in splits:
        x = split.x[:]
        assert x.shape == (len(split), *dataset.shape) == split.x.shape
        assert torch.equal(dataset.render(split.factors), x)
        assert torch.equal(split.labels, split.factors[:, dataset.factors.names.index("shape")])
        if dataset.kind == "binary":
            assert x.dtype == torch.long and set(x.unique().tolist()) == {0, 1}
        else:
            assert x.dtype == torch.float32 and x.abs().max() <= 1


@pytest.mark.parametrize("name", ["scenes_16", "sprites"])
def test_a_drawn_set_draws_batches_that_share_a_factor(few, name):
    dataset = load_dataset(name)
    generator = torch.Generator().manual_seed(0)
    x = dataset.draw_held(0, 16, generator)
    assert x.shape == (16, *dataset.shape)
    values = dataset.factors.draw_held(0, 16, generator.manual_seed(0))
    assert torch.equal(dataset.render(values), x)


def test_a_set_without_factors_says_that_it_cannot_be_drawn(tmp_path):
    write_digits(tmp_path)
    with pytest.raises(ValueError, match="digits cannot be drawn from factors of variation"):
        load_dataset("digits", tmp_path).draw_held(0, 4)


@pytest.mark.parametrize("name", DATASETS)
def test_every_set_states_its_origin_and_its_kind(name):
    source, reading = find(name)
    assert source.licence and source.citation and source.url and source.examples > 1000
    assert reading.max_level == source.max_level
    assert bool(source.files) == bool(source.megabytes)
    assert reading.kind in ("binary", "discretized", "continuous", "categorical", "mixed")


@pytest.mark.parametrize(
    ("name", "nearest"), [("minst", "mnist"), ("digit", "digits"), ("scene", "scenes"), ("", None)]
)
def test_an_unknown_name_is_answered_with_the_known_ones_and_the_nearest(name, nearest):
    hint = f"did you mean '{nearest}'" if nearest else "text8$"
    with pytest.raises(ValueError, match=f"'{name}', not one of digits, .*{hint}"):
        load_dataset(name)


def test_the_list_tells_what_is_on_disk(few, root):
    def state():
        return list_datasets().set_index("name")["on disk"]

    assert state()["mnist"] == "no, 12 MB" and state()["scenes_16"] == "drawn when needed"
    for file in DATASETS["mnist"][0].files:
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        (root / file.path).touch()
    load_dataset("scenes_16")
    assert state()["mnist"] == state()["mnist_continuous"] == "downloaded"
    assert state()["scenes_16"] == "prepared" and state()["scenes"] == "drawn when needed"
    assert list(state().index) == list(DATASETS)


def test_the_command_lists_every_set(capsys):
    main([])
    lines = capsys.readouterr().out.splitlines()
    forms = [own.form for own in OWN.values()]
    assert [line.split()[0] for line in lines] == ["name", *DATASETS, *forms]
    main(["list"])
    assert capsys.readouterr().out.splitlines() == lines


def test_the_command_prepares_a_set_and_records_what_it_holds(few, tmp_path, capsys):
    path = tmp_path / "records" / "sprites.json"
    main(["prepare", "sprites", "--record", str(path)])
    record = json.loads(path.read_text())
    assert json.loads(capsys.readouterr().out) == record
    assert sum(record[part] for part in PARTS) == 100 and len(record["content"]) == 64
    main(["prepare", "digits", "--record", str(path)])
    record = json.loads(path.read_text())
    assert [record[part] for part in PARTS] == [1257, 180, 360]


def test_the_command_fails_in_one_sentence():
    with pytest.raises(SystemExit, match="'minst', not one of .*did you mean 'mnist'"):
        main(["prepare", "minst"])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_the_list_is_printed_with_the_signs_of_every_terminal(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "paramrel.data"]
    output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    lines = output.decode(encoding).splitlines()
    sign = "x" if encoding == "ascii" else "×"
    assert len(lines) == 1 + len(DATASETS) + len(OWN) and f" 1{sign}8{sign}8 " in lines[1]

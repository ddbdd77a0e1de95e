"""Damaged checkpoints: no weight and nothing that determined it changes without being found."""

import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from paramrel.data import load_dataset
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.runs.run import Run, _hashes, load_run, save_run
from paramrel.training.config import TrainParams

PARAMS = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
NAME = "model.safetensors"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    model = build_model("paramrel", load_dataset("digits").variables, PARAMS)
    save_run(Run("digits", "paramrel", 3, model, TrainParams()), folder)
    return (folder / NAME).read_bytes()


def what(folder):
    """All that a loaded run says, to be compared."""
    run = load_run(folder)
    weights = {name: value.numpy().tobytes() for name, value in run.model.state_dict().items()}
    return run.key, run.train, run.model.params, run.model.training, weights


def change_the_header(rng, content):
    """Change one entry of the JSON that a safetensors file begins with; its length stays true."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    name = rng.choice(list(header))
    entry = header[name]
    if name == "__metadata__" or rng.random() < 0.2:
        header[rng.choice([name, "weight", "__metadata__"])] = header.pop(name)
    elif rng.random() < 0.3:
        other = rng.choice(list(header))
        header[name], header[other] = header[other], entry
    else:
        key = rng.choice(list(entry))
        entry[key] = rng.choice(
            [[], [-1], [1, 2], [2**62, 2**62], "F64", "I32", "BOOL", None, 7, entry["shape"][::-1]]
        )
    return packed(header, content[8 + length :])


def change_the_origin(rng, content):
    """Change a value of what the run says of itself, as an editor of its metadata would."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    origin = json.loads(header["__metadata__"]["paramrel"])
    place = rng.choice([origin, origin["model"], origin["train"]])
    place[rng.choice(list(place))] = rng.choice([0, 4, -1, 10**9, 0.5, "digits", None, [], {}])
    header["__metadata__"]["paramrel"] = json.dumps(origin)
    return packed(header, content[8 + length :])


def change_the_length(rng, content):
    return struct.pack("<Q", rng.choice([0, 1, 2**20, 2**63, 2**64 - 1])) + content[8:]


def packed(header, rest):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


@pytest.mark.parametrize(
    "number", [100, pytest.param(1500, marks=pytest.mark.slow)], ids=["fast", "full"]
)
def test_a_damaged_checkpoint_is_refused_or_says_the_same(
    tmp_path, content, judge, damages, number
):
    path = tmp_path / NAME
    path.write_bytes(content)
    original = what(tmp_path)
    kinds = (*damages, change_the_header, change_the_origin, change_the_origin, change_the_length)

    def mutate(rng):
        damage = rng.choice(kinds)
        path.write_bytes(damage(rng, content))
        return damage.__name__

    outcomes = judge(number, mutate, lambda: what(tmp_path), original, NAME)
    assert outcomes["other"] == 0 and outcomes["refused"] > 0.8 * number


def rewritten(path, change_weights=lambda weights: None, change_origin=lambda origin: None):
    """Write a checkpoint that is whole, as another program would, and yet not ours."""
    weights = load_file(path)
    (length,) = struct.unpack_from("<Q", path.read_bytes())
    origin = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]["paramrel"]
    origin = json.loads(origin)
    change_weights(weights)
    change_origin(origin)
    form, record = origin.pop("format"), origin.pop("record")
    known = {"format": form, "record": record | _hashes(origin, weights)}
    save_file(weights, path, {"paramrel": json.dumps(origin | known)})


def first(weights):
    return min(name for name, value in weights.items() if value.is_floating_point())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda w: w.update({first(w): w[first(w)].double()}), "is torch.float64, not"),
        (lambda w: w.update({first(w): w[first(w)].int()}), "is torch.int32, not"),
        (lambda w: w.update({first(w): torch.zeros(3, 2)}), "size mismatch"),
        (lambda w: w.update({first(w): w[first(w)] * float("nan")}), "holds NaN"),
        (lambda w: w.pop(first(w)), "Missing key"),
        (lambda w: w.update(more=torch.zeros(1)), "Unexpected key"),
        (lambda w: w.clear(), "Missing key"),
    ],
)
def test_weights_of_another_type_shape_or_name_are_refused(tmp_path, content, change, cause):
    (tmp_path / NAME).write_bytes(content)
    rewritten(tmp_path / NAME, change_weights=change)
    with pytest.raises(ValueError, match=rf"{NAME} is no checkpoint .*{cause}.*; delete it"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda o: o.pop("train"), "train"),
        (lambda o: o["model"].update(code_dim=5), "size mismatch"),
        (lambda o: o["model"].update(width=5), "width.*not permitted"),
        (lambda o: o["train"].update(steps=0), "steps.*greater than or equal to 1"),
        (lambda o: o.update(method="bfm"), "did you mean 'bfn'"),
    ],
)
def test_an_origin_that_this_version_does_not_know_is_refused(tmp_path, content, change, cause):
    (tmp_path / NAME).write_bytes(content)
    rewritten(tmp_path / NAME, change_origin=change)
    with pytest.raises(ValueError, match=rf"{NAME} is no checkpoint .*{cause}.*; delete it"):
        load_run(tmp_path)


def test_a_checkpoint_loads_where_its_data_set_is_missing(tmp_path, content, monkeypatch):
    (tmp_path / NAME).write_bytes(content)
    monkeypatch.setattr("paramrel.data.sets.digits.PINNED", tmp_path / "nothing")
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    assert load_run(tmp_path).key == "digits-paramrel-3"
    assert not (tmp_path / "cache").exists()

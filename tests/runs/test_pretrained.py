"""The trained models that come with the repository: they are there, and are what they say."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from paramrel.data import load_dataset
from paramrel.models.config import ModelParams
from paramrel.runs import pretrained
from paramrel.runs.pretrained import METHODS, SEED, load_pretrained
from paramrel.study import pretrained as making
from paramrel.study.__main__ import main
from paramrel.study.pretrained import (
    FEW,
    MODEL,
    NUMBERS,
    TRAIN,
    card,
    make_pretrained,
    pretrained_or_trained,
)
from paramrel.training.config import TrainParams

ROOT = Path(__file__).parents[2]
STORE = ROOT / ".dvc" / "store" / "files" / "md5"
NAMES = [(dataset, method) for dataset, methods in METHODS.items() for method in methods]
SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)

every_model = pytest.mark.parametrize(("dataset", "method"), NAMES)


def pinned():
    return yaml.safe_load((ROOT / "data.dvc").read_text(encoding="utf-8"))


def listing():
    """Return the path and the MD5 of every file below data/ that data.dvc pins."""
    name = pinned()["outs"][0]["md5"]
    entries = json.loads((STORE / name[:2] / name[2:]).read_text())
    return {entry["relpath"]: entry["md5"] for entry in entries}


def file_of(dataset, method):
    return f"pretrained/{dataset}-{method}-{SEED}/model.safetensors"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """An empty study with the digits, which is the working directory."""
    (tmp_path / "data").mkdir()
    (tmp_path / "dvc.yaml").touch()
    shutil.copy(ROOT / "data" / "digits.npz", tmp_path / "data")
    shutil.copy(ROOT / "data.dvc", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrained, "FOLDERS", (tmp_path / "data" / "pretrained",))
    return tmp_path


@every_model
def test_a_model_of_the_repository_loads_and_knows_its_origin(dataset, method):
    run = load_pretrained(dataset, method)
    assert run.key == f"{dataset}-{method}-{SEED}"
    assert (run.model.params, run.train) == NUMBERS[dataset]
    weights = run.model.state_dict().values()
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in weights)


def test_by_default_it_is_paramrel_on_digits():
    assert load_pretrained().key == load_pretrained("digits").key == "digits-paramrel-0"


@every_model
def test_the_card_in_data_dvc_says_what_the_model_measures(dataset, method):
    written = pinned()["meta"][file_of(dataset, method)]
    measured = card(load_pretrained(dataset, method), load_dataset(dataset))
    assert written.keys() == measured.keys()
    numbers = {key: value for key, value in measured.items() if isinstance(value, float)}
    assert numbers == pytest.approx({key: written[key] for key in numbers}, rel=0.02, abs=0.02)
    assert {**measured, **numbers} == {**written, **numbers}


def test_the_store_holds_exactly_what_data_dvc_pins_byte_for_byte():
    name = pinned()["outs"][0]["md5"]
    found = {
        path.relative_to(STORE).as_posix().replace("/", ""): path for path in STORE.glob("*/*")
    }
    assert found.keys() == {name, *listing().values()}
    for md5, path in found.items():
        content = path.read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5.removesuffix(".dir")


def test_the_models_are_all_there_and_smaller_than_four_megabytes():
    models = {path: md5 for path, md5 in listing().items() if path.startswith("pretrained/")}
    assert models.keys() == {file_of(*name) for name in NAMES}
    assert pinned()["meta"].keys() == listing().keys()
    assert sum((STORE / md5[:2] / md5[2:]).stat().st_size for md5 in models.values()) < 4 * 2**20


def test_a_missing_model_is_named_with_the_command_that_fetches_it(study):
    with pytest.raises(
        FileNotFoundError, match=r"model\.safetensors is missing; .*`dvc pull data`"
    ):
        load_pretrained()


def test_a_damaged_model_is_named_with_the_commands_that_restore_it(study):
    path = study / "data" / file_of("digits", "bfn")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    with pytest.raises(ValueError, match="damaged.*`dvc pull --force data`.*pretrain digits`"):
        load_pretrained("digits", "bfn")


@pytest.mark.parametrize(("dataset", "method"), [("mnist", "bfn"), ("digits", "vae")])
def test_a_model_that_there_is_not_is_refused_with_those_that_there_are(dataset, method):
    with pytest.raises(ValueError, match=f"no pretrained '{method}' on '{dataset}'.*paramrel_same"):
        load_pretrained(dataset, method)


def test_making_a_model_twice_gives_the_same_bytes_and_writes_its_card(study, monkeypatch):
    monkeypatch.setattr(making, "METHODS", {"digits": ("bfn",)})
    path, train = study / "data" / file_of("digits", "bfn"), TrainParams(steps=2, evaluations=1)
    made = []
    for _ in range(2):
        make_pretrained("digits", SMALL, train)
        made.append(path.read_bytes())
    assert made[0] == made[1]
    run = load_pretrained("digits", "bfn")
    assert (run.model.params, run.train) == (SMALL, train)
    written = yaml.safe_load((study / "data.dvc").read_text(encoding="utf-8"))
    assert written["meta"][file_of("digits", "bfn")] == card(run, load_dataset("digits"))
    assert written["outs"] == pinned()["outs"] and written["desc"] == pinned()["desc"]


def test_the_command_makes_the_models_of_the_study(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(making, "make_pretrained", lambda *given: asked.append(given))
    main(["pretrain", "digits"])
    assert asked == [("digits", MODEL, TRAIN)]
    assert "dvc add data && dvc push data" in capsys.readouterr().out


def test_data_without_models_are_refused_with_those_that_have_some():
    with pytest.raises(SystemExit, match="no models of 'mnist' come with.*only digits, sentences"):
        main(["pretrain", "mnist"])


@pytest.mark.parametrize(
    ("seed", "steps", "trained"), [(0, 0, None), (1, 0, FEW), (0, 5, 5), (1, 5, 5)]
)
def test_a_model_is_trained_only_where_none_is_there_or_steps_are_asked_for(
    seed, steps, trained, monkeypatch
):
    asked = []
    monkeypatch.setattr(making, "train_run", lambda *given: (asked.append(given), None))
    pretrained_or_trained("digits", "bfn", seed, steps)
    wanted = ("digits", "bfn", seed, MODEL, TRAIN.model_copy(update={"steps": trained}))
    assert asked == ([] if trained is None else [wanted])


def test_where_the_file_is_missing_a_model_is_trained_in_few_steps(study, monkeypatch, capsys):
    monkeypatch.setattr(making, "train_run", lambda *given: (given[-1].steps, None))
    assert pretrained_or_trained("digits", "bfn", SEED, 0) == FEW
    assert "is missing" in capsys.readouterr().out


def test_a_failing_command_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"error: no dvc\.yaml in"):
        main(["pretrain", "digits"])

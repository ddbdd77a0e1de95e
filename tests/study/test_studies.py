"""The named studies: whole files, of which nothing is left over by the next."""

from pathlib import Path

import pytest
import yaml

from paramrel.study.__main__ import main
from paramrel.study.params import load_params
from paramrel.study.studies import own_values, studies

ROOT = Path(__file__).parents[2]
every_study = pytest.mark.parametrize("name", studies())


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A working folder with the study that the repository comes with; returns its params.yaml."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    return path


def test_the_file_of_the_study_digits_is_the_one_that_the_repository_comes_with():
    assert studies()["digits"].read_bytes() == (ROOT / "params.yaml").read_bytes()


@every_study
def test_a_study_states_every_number_says_its_cost_and_begins_with_its_name(name):
    text = studies()[name].read_text(encoding="utf-8")
    assert next(iter(yaml.safe_load(text).items())) == ("study", name)
    assert text.startswith(f"# The study `{name}`: ") and "\n# Cost: " in text
    stated = load_params(studies()[name]).model_dump(by_alias=True, mode="json")
    assert stated == yaml.safe_load(text)
    assert text.count("#") > 60  # what each number is


@every_study
def test_after_any_other_study_nothing_of_that_one_is_left(name, clone, capsys):
    for other in studies():
        main(["use", other])
        main(["use", name])
        assert clone.read_bytes() == studies()[name].read_bytes()
    said = capsys.readouterr().out
    assert f"The study `{name}`" in said and "Cost: " in said and f"results/{name}" in said


def test_values_of_ones_own_are_named_and_kept_unless_forced(clone):
    clone.write_text(clone.read_text().replace("steps: 600", "steps: 601"), encoding="utf-8")
    before = clone.read_bytes()
    with pytest.raises(SystemExit, match="values of its own.*train.steps = 601, not 600.*--force"):
        main(["use", "quick"])
    assert clone.read_bytes() == before
    main(["use", "quick", "--force"])
    assert clone.read_bytes() == studies()["quick"].read_bytes()


def test_a_study_of_ones_own_is_not_replaced_either(clone):
    clone.write_text(clone.read_text().replace("study: digits", "study: mine"), encoding="utf-8")
    with pytest.raises(SystemExit, match="of no study that comes with the package"):
        main(["use", "quick"])


def test_other_comments_and_line_ends_are_no_values_of_ones_own(clone):
    clone.write_bytes(clone.read_bytes().replace(b"\n", b"\r\n") + b"# mine\r\n")
    assert own_values(clone) == []


def test_the_check_says_what_differs(clone, capsys):
    text = clone.read_text().replace("seeds: [0, 1, 2]", "seeds: [0]", 1)
    clone.write_text(text, encoding="utf-8")
    main(["check"])
    assert "\n  seeds = [0], not [0, 1, 2]\n" in capsys.readouterr().out


def test_an_unknown_study_is_refused_with_the_nearest_and_changes_nothing(clone):
    before = clone.read_bytes()
    with pytest.raises(SystemExit, match="no study 'minst', only .*; did you mean 'mnist'?"):
        main(["use", "minst"])
    assert clone.read_bytes() == before

"""Parameters of notebooks are checked as those of params.yaml are."""

import pytest

from paramrel.study.asked import asked


def test_values_come_back_in_their_order_and_lists_may_stand_in_a_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = asked(methods="[bfn, vae]", steps=0, dataset="image_folder:../photos,size=8", out="")
    assert found == (("bfn", "vae"), 0, "image_folder:../photos,size=8", "")
    assert asked(methods='["paramrel"]') == (("paramrel",),)


def test_folders_are_told_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert asked(runs="a/../b", out="mine") == (str(tmp_path / "b"), str(tmp_path / "mine"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": -5}, "steps = -5: .*greater than or equal to 0"),
        ({"steps": 1.5}, "steps = 1.5: .*valid integer"),
        ({"steps": "abc"}, "steps = 'abc': .*valid integer"),
        ({"steps": True}, "steps = True: true and false are not numbers"),
        ({"methods": "bfn"}, r"methods = 'bfn': give a list: \['bfn'\]"),
        ({"methods": "[paramrle]"}, "methods.0 = 'paramrle': .*did you mean 'paramrel'"),
        ({"method": "vea"}, "method = 'vea': .*did you mean 'vae'"),
        ({"dataset": "digit"}, "dataset = 'digit': .*did you mean 'digits'"),
        ({"table": "penguin"}, "table = 'penguin': .*'penguins'"),
        ({"seed": -1}, "seed = -1"),
        ({"accuracy": 0}, "accuracy = 0: .*greater than 0"),
    ],
)
def test_what_is_wrong_is_one_sentence(values, message):
    with pytest.raises(ValueError, match=f"^the notebook's parameters: {message}"):
        asked(**values)


def test_a_folder_for_results_is_tried_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"{tmp_path}/file cannot be written"):
        asked(out=str(tmp_path / "file"))

"""params.yaml: what is refused, and how it is said."""

import shutil
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from paramrel.models.methods import METHODS
from paramrel.study.__main__ import main
from paramrel.study.params import WEIGHTS, StudyParams, load_params, weighs

ROOT = Path(__file__).parents[2]


TRIAL = {"datasets": ["digits"], "seeds": [0], "steps": 5, "vary": [{"method": "ae"}]}


def written(folder, **changes):
    """Write params.yaml with changes like {"train.steps": 5} and return its path."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for place, value in changes.items():
        section, *rest = place.split(".")
        if rest:
            params[section][rest[0]] = value
        else:
            params[section] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", ["params.yaml", "tests/tiny_params.yaml"])
def test_the_parameters_of_the_study_are_valid_and_state_every_number(path):
    stated = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    for name, field in StudyParams.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            known = {f.alias or key for key, f in field.annotation.model_fields.items()}
            assert set(stated[name]) == known
    assert load_params(ROOT / path).model_dump(by_alias=True, mode="json") == stated


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"methods": ["bfm"]},
            "methods.0 = 'bfm': not one of ae, .* did you mean 'bfn'",
        ),
        (
            {"datasets": ["digit"]},
            "datasets.0 = 'digit': not one of .* did you mean 'digits'",
        ),
        ({"datasets": []}, "datasets"),
        ({"seeds": [0, 0]}, "seeds = .*twice"),
        ({"seeds": 0}, r"seeds = 0: give a list: \[0\]"),
        ({"methods": "bfn"}, r"methods = 'bfn': give a list: \['bfn'\]"),
        ({"study": "../mine"}, r"study = '../mine': give letters, digits, _ and -"),
        ({"study": ""}, "study = '': give letters"),
        ({"datasets": ["image_folder:../photos"]}, "datasets.0 = .*link yours there and write"),
        ({"datasets": ["image_folder:photos,sized=8"]}, "datasets.0 = .*'sized=8'.*is no option"),
        ({"datasets": ["text:../book.txt"]}, "datasets.0 = .*-p dataset text:PATH"),
        ({"datasets": ["image_folder:a/b,size=8"]}, "datasets.0 = .*-p dataset image_folder:PATH"),
        ({"train.step": 5}, "train.step is not a known parameter; did you mean 'steps'"),
        ({"epochs": 5}, "epochs is not a known parameter; allowed: study, datasets"),
        ({"train.steps": 0}, "train.steps = 0: .*greater than or equal to 1"),
        ({"train.steps": "many"}, "train.steps = 'many'"),
        ({"model.gamma": 1.2}, "model.gamma = 1.2: .*less than or equal to 1"),
        ({"model.lambda": -1}, "model.lambda = -1"),
        ({"model.conditioning": "film"}, "model.conditioning = 'film'"),
        ({"model.blocks": [1]}, "blocks"),
        ({"train.precision": "8-bit"}, "train.precision = '8-bit'"),
        ({"train.strategy": "fsdp"}, "train.strategy = 'fsdp'"),
        ({"train.accumulate": 3}, "batch_size 128 must be a multiple of accumulate × .* = 3"),
        ({"train.devices": 5}, "batch_size 128 must be a multiple of .* = 5"),
        ({"train.accumulate": 128}, "and at least twice accumulate"),
        ({"ablation.methods": ["paramrle"]}, "did you mean 'paramrel'"),
        ({"tuned": {"digit": {}}}, "tuned.digit.* did you mean 'digits'"),
        ({"tuned": {"digits": {"beta-vae": {}}}}, "did you mean 'beta_vae'"),
        ({"tuned": {"digits": {"beta_vae": {"betta": 1.0}}}}, "betta.*'beta', 'gamma' or 'lambda'"),
        (
            {"tuned": {"digits": {"beta_vae": {"gamma": 1.0}}}},
            "tuned: gamma is no weight of beta_vae's objective, which has beta$",
        ),
        ({"tuned": {"digits": {"vae": {"beta": 2.0}}}}, "beta is no weight of vae's .* has none"),
        ({"tuned": {"digits": {"infodiffusion": {"lambda": 2.0}}}}, "lambda is no weight of infod"),
        ({"tuned": {"digits": {"infovae": {"gamma": 2.0}}}}, "tuned: infovae: gamma = 2.0: .*less"),
        ({"tuned": {"digits": {"infovae": {"gamma": True}}}}, "gamma = True: .*valid number"),
        (
            {"trials.rivals": TRIAL | {"vary": [{"beta": [1.0]}]}},
            "trials.rivals.vary.0: name its method",
        ),
        (
            {"trials.rivals": TRIAL | {"vary": [{"method": "beta_vea"}]}},
            "trials.rivals.vary.0: .*did you mean 'beta_vae'",
        ),
        (
            {"trials.rivals": TRIAL | {"vary": [{"method": "beta_vae", "gamma": [1.0]}]}},
            "trials.rivals.vary.0: gamma is no weight of beta_vae's objective, which has beta",
        ),
        (
            {"trials.rivals": TRIAL | {"vary": [{"method": "paramrel", "conditioning": ["film"]}]}},
            "trials.rivals.vary.0: paramrel: conditioning = 'film': not one of",
        ),
        (
            {"trials.rivals": TRIAL | {"vary": [{"method": "paramrel", "conditioning": "adagn"}]}},
            r"conditioning = adagn: give a list: \[adagn\]",
        ),
        (
            {"trials.rivals": TRIAL | {"vary": [{"method": "paramrel", "size": [3]}]}},
            "trials.rivals.vary.0: paramrel: size = 3: Extra inputs",
        ),
        ({"trials.rivals": TRIAL | {"vary": []}}, "trials.rivals.vary = .*at least 1 item"),
        ({"trials.rivals": TRIAL | {"step": 3}}, "trials.rivals.step .*did you mean 'steps'"),
        ({"model.beta": 0}, "model.beta = 0: .*greater than 0"),
        ({"ablation.gammas": [0.5, 2]}, "ablation.gammas.1 = 2"),
        ({"evaluate.probe_times": [1.5]}, "evaluate.probe_times.0 = 1.5"),
        ({"model.channels": [16, 20]}, "model.channels.1 = 20: .*multiple of 8"),
        ({"model.channels": [16] * 5, "model.blocks": [1] * 5}, "channels has 5 .* divisible by"),
        ({"model.channels": [8] * 9}, "model.channels = .*at most 8 items"),
        ({"model.sigma_1": 1e-9}, "model.sigma_1 = 1e-09: .*greater than or equal to 0.0001"),
        ({"model.beta_1": float("inf")}, "model.beta_1 = inf: .*finite number"),
        ({"model.beta": float("nan")}, "model.beta = nan: .*finite number"),
        ({"train.learning_rate": float("nan")}, "train.learning_rate = nan: .*finite number"),
        ({"evaluate.probe_times": [0.5, float("nan")]}, "probe_times.1 = nan: .*finite number"),
        ({"train.steps": True}, "train.steps = True: true and false are not numbers"),
        ({"seeds": [True]}, "seeds = .*true and false are not numbers"),
        ({"seeds": [2**32]}, "seeds.0 = 4294967296: .*less than 4294967296"),
        ({"seeds": list(range(101))}, "seeds = .*at most 100 items"),
        ({"threads": 1000}, "threads = 1000: .*less than or equal to 256"),
        ({"train.batch_size": 1258}, r"batch_size = 1258 is larger than .* digits, about 1257"),
        ({"train.steps": 4}, r"train.evaluations = 8 is more than train.steps = 4; lower it"),
        ({"generate.images": 30, "generate.reconstructed": 20}, "generate.images = 30 is more"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"params.yaml: .*{message}"):
        load_params(written(tmp_path, **changes))


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("train: [", encoding="utf-8")
    with pytest.raises(ValueError, match="params.yaml: it is not YAML"):
        load_params(path)


def test_a_file_that_is_no_mapping_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("- 1", encoding="utf-8")
    with pytest.raises(ValueError, match="params.yaml"):
        load_params(path)


def test_the_command_says_what_is_wrong_in_one_line_and_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    main(["check"])
    assert (
        capsys.readouterr().out
        == f"params.yaml is valid: the study digits, {len(load_params().runs)} runs of 600 steps, "
        f"results in {tmp_path / 'results' / 'digits'}\n"
    )
    written(tmp_path, methods=["bfm"])
    with pytest.raises(SystemExit, match="error: params.yaml: methods.0 = 'bfm': not one of"):
        main(["check"])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="params.yaml"):
        load_params(tmp_path / "params.yaml")


def test_every_group_adds_the_product_of_its_parts_to_the_runs(tmp_path):
    none = {"datasets": [], "methods": [], "seeds": []}
    two = {"datasets": ["scenes_16"], "methods": ["vae"], "seeds": [3, 4]}
    path = written(
        tmp_path,
        datasets=["digits"],
        methods=["bfn"],
        seeds=[0],
        types=none,
        factors=two,
        mixed=none,
    )
    assert load_params(path).runs == [
        ("digits", "bfn", 0),
        ("scenes_16", "vae", 3),
        ("scenes_16", "vae", 4),
    ]


def test_a_data_set_in_two_groups_is_refused(tmp_path):
    twice = {"datasets": ["digits"], "methods": ["bfn"], "seeds": [0]}
    with pytest.raises(ValueError, match="digits stands in two of the groups"):
        load_params(written(tmp_path, datasets=["digits"], types=twice))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 600 ", r"line \d+: 'steps' stands there for the second time"),
        ("step: &a 1", "train.step is not a known parameter"),
        ("ema_decays: *a", "it is not YAML: found undefined alias 'a'"),
        ("rest: !!python/name:os.system x", r"line \d+: the tag .*os.system is not allowed"),
    ],
)
def test_what_yaml_readers_take_silently_is_refused(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    content = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path.write_text(content.replace("\nevaluate:", f"  {text}\n\nevaluate:"), encoding="utf-8")
    with pytest.raises(ValueError, match=f"params.yaml: {message}"):
        load_params(path)


def test_a_folder_of_images_beside_the_file_is_a_data_set(tmp_path):
    name = "image_folder:photos,size=16"
    assert load_params(written(tmp_path, datasets=[name])).datasets == (name,)


def test_code_of_another_clone_is_refused(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    load_params()  # a folder of parameters alone
    (tmp_path / "paramrel").mkdir()
    with pytest.raises(ValueError, match=f"the study is {tmp_path}, but the code .* PYTHONPATH"):
        load_params()
    monkeypatch.chdir(ROOT)
    load_params()


def test_a_method_has_its_own_numbers_where_it_was_tuned_and_those_of_model_elsewhere(tmp_path):
    tuned = {"digits": {"infovae": {"gamma": 1, "lambda": 100}}}
    params = load_params(written(tmp_path, tuned=tuned))
    expected = params.model.model_copy(update={"gamma": 1.0, "lambda_": 100.0})
    assert params.model_of("digits", "infovae") == expected != params.model
    assert params.model_of("digits", "paramrel") == params.model
    assert params.model_of("digits_continuous", "infovae") == params.model
    assert params.model_of("image_folder:photos,size=16", "infovae") == params.model


def test_what_a_method_weighs_is_what_can_be_tuned():
    own = {method: {weight for weight in WEIGHTS if weighs(weight, method)} for method in METHODS}
    assert own["beta_vae"] == {"beta"} and own["paramrel"] == own["infovae"] == {"gamma", "lambda"}
    assert own["bfn"] == own["ae"] == own["vae"] == own["infodiffusion"] == set()

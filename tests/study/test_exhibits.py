"""The report's exhibits: the stage that each names makes it, and tables say what they should."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from dvc.repo import Repo

from paramrel.study import exhibits
from paramrel.study.exhibits import (
    HIGHER_IS_BETTER,
    printed_tables,
    quality_scores,
    report_sections,
)
from paramrel.study.params import Grid, load_params
from paramrel.study.report import read_tables

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
TABLES = [
    *("thesis", "worth", "hypotheses", "wins", "quality", "quality_controls", "runs", "controls"),
    *("disentanglement", "reconstruction", "ablation", "code_time", "smoothness", "mixed"),
    *("trials_rivals", "trials_kernels", "trials_attention", "inversion", "robust", "evidence"),
]
PRINTED = {name: pd.DataFrame({"n_test": [1]}) for name in TABLES}


@pytest.fixture(scope="module")
def made():
    """What each stage of the pipeline writes, by the stage's name without its matrix."""
    outs = {}
    for stage in Repo(ROOT).index.stages:
        if name := getattr(stage, "name", None):
            for key in {name, name.split("@")[0]}:
                outs.setdefault(key, set()).update(str(out.def_path) for out in stage.outs)
    return outs


def all_exhibits():
    return [e for section in report_sections(PARAMS, PRINTED) for e in section.exhibits]


def test_the_report_has_five_tables_and_fourteen_figures():
    names = {exhibit.name.split()[0] for exhibit in all_exhibits()}
    assert {f"T{i}" for i in range(1, 6)} <= names
    assert {f"F{i}" for i in range(1, 15)} <= names


def test_every_figure_is_made_by_the_stage_that_is_named_with_it(made):
    figures = [e for e in all_exhibits() if isinstance(e.content, Path)]
    places = {e.name: e.content.relative_to(ROOT).as_posix() for e in figures}
    assert figures
    assert [e.name for e in figures if places[e.name] not in made.get(e.stage, ())] == []


def test_every_table_of_the_report_is_printed_and_its_stage_exists(made):
    entries = yaml.safe_load((ROOT / "paramrel/study/report.yaml").read_text(encoding="utf-8"))
    named = {e["table"] for part in entries for e in part["exhibits"] if "table" in e}
    assert named == set(TABLES)
    assert {exhibit.stage for exhibit in all_exhibits()} <= set(made)


def test_methods_are_compared_by_the_metrics_whose_rows_name_a_column():
    assert [*HIGHER_IS_BETTER.items()] == [
        ("probe accuracy", True), ("kNN accuracy", True),
        ("fd", False), ("kid", False), ("NLL bound", False),
    ]  # fmt: skip


def measured_samples(method, **found):
    rows = [
        {"of": "pixels", "measure": "logistic accuracy", "value": 0.9, "sem": 0.01},
        {"of": "code", "measure": "logistic accuracy", "value": 0.8, "sem": 0.02},
        {"of": "model", "measure": "bound on −ln p(x)", "value": 17.0, "sem": 0.3},
        {"of": "samples, self", "measure": "fd[self-supervised]@360", "value": 1.0},
    ]
    rows += [
        {"of": f"samples, {code}", "measure": "fd[classifier]@360", "value": value}
        for code, value in found.items()
    ]
    return pd.DataFrame(rows).assign(dataset="digits", method=method, seed=0)


@pytest.mark.parametrize("made_for", ["self", "prior", "learned"])
def test_samples_are_those_of_the_sampler_that_a_method_was_made_for(monkeypatch, made_for):
    found = {"self": 5.0, "prior": 9.0, "learned": 7.0}
    samplers = (made_for, *(name for name in found if name != made_for))
    monkeypatch.setattr(exhibits, "METHODS", {"paramrel": SimpleNamespace(samplers=samplers)})
    scores = quality_scores(measured_samples("paramrel", **found))
    sems = [f"{name}_sem" for name in HIGHER_IS_BETTER]
    assert list(scores) == ["dataset", "method", "seed", *HIGHER_IS_BETTER, *sems]
    (row,) = scores[["probe accuracy", "fd", "NLL bound", "probe accuracy_sem"]].to_numpy()
    assert row.tolist() == [0.8, found[made_for], 17.0, 0.02]


def test_quality_of_before_the_errors_were_known_has_none():
    scores = quality_scores(measured_samples("bfn", self=5.0).drop(columns="sem"))
    assert scores["fd"].tolist() == [5.0] and scores["fd_sem"].isna().all()


def of_runs(**columns):
    rows = [
        {"method": "bfn", "nll_bound": 17.0, "kl": np.nan, "shuffled_code": np.nan},
        {"method": "paramrel", "nll_bound": 30.0, "kl": 12.0, "shuffled_code": 90.0},
        {"method": "vae", "nll_bound": 26.0, "kl": 0.01, "shuffled_code": 0.0},
    ]
    table = pd.concat(pd.DataFrame(rows).assign(seed=seed) for seed in range(3))
    empty = dict.fromkeys(["transmission", *exhibits.EFFECTS, "probe_t0.2", "probe_t0.5"], 1.0)
    return (
        pd.DataFrame(empty, table.index)
        .assign(dataset="digits", steps=9, **table)
        .assign(**columns)
    )


@pytest.mark.parametrize("name", ["runs", "ablation", "code_time", "trials_rivals", "mixed"])
def test_what_is_worse_than_independent_pixels_and_what_is_dead_stands_nowhere_without_a_flag(name):
    columns = {"gamma": 0.5, "lambda": 1.0} if name != "runs" and name != "mixed" else {}
    controls = pd.DataFrame({"dataset": ["digits"], "independent_pixels_nll": [25.0]})
    tables = {"controls": controls, name: of_runs(**columns)}
    table = printed_tables(tables, PARAMS)[name].set_index("method")
    assert table["flag"].to_dict() == {
        "bfn": "",
        "paramrel": "worse than independent pixels",
        "vae": "worse than independent pixels; dead code",
    }


def test_a_code_turned_at_random_stands_beside_its_code():
    table = pd.DataFrame(
        {"dataset": "scenes", "method": "paramrel", "seed": seed, "of": of}
        | {"measure": "D (lasso)", "value": value}
        for seed in range(3)
        for of, value in {"code": 0.8, "rotated_code": 0.2, "pca_10": 0.5}.items()
    )
    found = printed_tables({"disentangle": table}, PARAMS)["disentanglement"]
    assert found["of"].tolist() == ["paramrel", "paramrel, rotated", "pca_10"]
    assert found["D (lasso)"].tolist() == ["0.8 ± 0", "0.2 ± 0", "0.5 ± 0"]


def test_what_is_hidden_is_a_column_and_only_clean_probes_of_clean_pixels_are_printed():
    parts = [("nothing", 0.9), ("right", 0.6), ("disc", 0.5)]
    rows = [
        {"dataset": "digits", "method": method, "seed": seed, "hidden": hidden, "accuracy": value}
        for method in ("paramrel_evidence", "paramrel")
        for seed in range(3)
        for hidden, value in parts
    ]
    clean = pd.DataFrame(rows).assign(log_snr=np.inf, trained_on="clean", floor_accuracy=0.1)
    others = [clean.assign(log_snr=-1.0), clean.assign(trained_on="corrupted")]
    table = pd.concat([clean, *(other.assign(accuracy=0.0) for other in others)])
    printed = printed_tables({"robust": table, "evidence": evidence_rows()}, PARAMS)
    assert [*printed["robust"]] == ["dataset", "method", "nothing", "right", "disc"]
    assert printed["robust"]["method"].tolist() == ["paramrel_evidence", "paramrel"]
    assert printed["robust"]["right"].tolist() == ["0.6 ± 0"] * 2
    evidence = printed["evidence"]
    assert [*evidence] == ["dataset", "method", "label", "pixels"]
    assert evidence["label"].tolist() == ["2 ± 0"]


def evidence_rows():
    """Of records; what is seen at random, and a method without bounds, are not printed."""
    rows = [
        {"dataset": "mixed", "method": "bfn", "seed": seed, "hidden": hidden, "share": 0.5,
         "conditional_bound": value}
        for seed in range(3)
        for hidden, value in (("label", 2.0), ("pixels", 90.0), ("random", 40.0))
    ]  # fmt: skip
    silent = pd.DataFrame(rows).assign(method="diffae", conditional_bound=np.nan)
    return pd.concat([pd.DataFrame(rows), silent])


def test_a_study_of_nothing_prints_its_hypotheses_alone():
    assert set(printed_tables({}, PARAMS)) == {"hypotheses"}


def test_the_report_quotes_the_hypotheses_and_says_how_each_is_decided():
    text = (ROOT / "docs/hypotheses.md").read_text(encoding="utf-8")
    section = report_sections(PARAMS, PRINTED)[-1]
    quoted = printed_tables({}, PARAMS)["hypotheses"]["claim"]
    for number, claim in enumerate(quoted, 1):
        assert claim.startswith(f"H{number}: ")
        assert f"## H{number}\n\n> {claim.split(': ', 1)[1]}\n" in text
        rule = section.text.split(f"H{number} is decided so: ")[1].split("\n\n")[0]
        assert f"Decided so: {rule}\n" in text
    assert "{" not in section.text


@pytest.mark.parametrize("seeds", [1, 3])
def test_tables_are_printed_whatever_the_number_of_seeds(monkeypatch, seeds):
    def rows(**columns):
        one = pd.DataFrame({"dataset": "digits", "method": ["bfn", "paramrel"]} | columns)
        return pd.concat(one.assign(seed=seed) for seed in range(seeds))

    effects = dict.fromkeys(exhibits.EFFECTS, 1.0)
    probes = {f"probe_t{t:g}": 0.5 for t in PARAMS.evaluate.probe_times}
    weights = {"gamma": 0.0, "lambda": 1.0}
    quality = pd.concat(
        rows(of=of, measure=measure, value=value)
        for of, measure, value in (
            ("code", "logistic accuracy", 0.8),
            ("pixels", "logistic accuracy", 0.9),
            ("samples, self", "fd[classifier]@360", 5.0),
            ("model", "bound on −ln p(x)", 17.0),
        )
    )
    curve = rows(log_snr=0.0, representation=["code", "θ"], auroc=0.5).assign(method="paramrel")
    tables = {
        "quality": quality,
        "known_when": curve,
        "runs": rows(steps=600, nll_bound=1.0, transmission=1.0, **(effects | probes)),
        "controls": pd.DataFrame(
            {"dataset": ["digits"], "n_test": [360], "independent_pixels_nll": [25.0]}
        ),
        "disentangle": rows(of=["code", "pca_10"], measure="D (lasso)", value=0.5),
        "reconstruct": rows(way="code", time=1.0, floats=10, mse=0.1, bit_error=np.nan),
        "ablation": rows(nll_bound=1.0, **weights, **effects),
        "code_time": rows(nll_bound=1.0, **weights, **effects),
        "interpolate": rows(
            path_over_chord=1.0, label_switches=1.0, path_length=1.0, midpoint_distance=1.0
        ),
        "mixed": rows(n=360, nll_bound=1.0, label_by_bound=[np.nan, 0.9]),
        "trials_rivals": rows(beta=[np.nan, 2.0], chosen=True, validation_accuracy=0.9),
        "trials_kernels": rows(
            kernel=["released", "scaled"], aggregate_std=0.5, probe_t1=0.8
        ).assign(method="paramrel"),
        "trials_attention": rows(
            conditioning=["adagn", "cross_attention"], D=0.5, **weights
        ).assign(method="paramrel"),
        "inversion": rows(sigma_1=0.01, way=["undo updates", "ODE"], error=[np.inf, 0.01]),
        "robust": rows(
            hidden="right", log_snr=np.inf, trained_on="clean", accuracy=0.6, floor_accuracy=0.1
        ).assign(accuracy_sem=0.01),
        "evidence": rows(hidden="right", share=0.5, conditional_bound=9.0),
    }
    printed = printed_tables(tables, PARAMS)
    assert set(printed) == set(TABLES)
    assert all(len(table) for table in printed.values())
    fewer = printed_tables(
        {name: tables[name] for name in tables if name not in ("disentangle", "mixed")}, PARAMS
    )
    assert set(printed) - set(fewer) == {"disentanglement", "mixed"}
    study = PARAMS.model_copy(
        update=dict.fromkeys(("factors", "mixed"), Grid(datasets=(), methods=(), seeds=()))
    )
    shown = [e.name for part in report_sections(study, fewer) for e in part.exhibits]
    assert "T1" in shown and "T2" not in shown and "F13" not in shown


def test_the_tables_of_no_data_set_are_an_empty_one():
    assert read_tables(ROOT, "disentangle", []).empty

"""The report's exhibits: the stage that each names makes it, and tables say what they should."""

from pathlib import Path

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


def test_the_sampler_that_reads_codes_from_theta_comes_before_the_prior():
    def row(of, measure, value):
        return {"of": of, "measure": measure, "value": value}

    quality = pd.DataFrame(
        [
            row("pixels", "logistic accuracy", 0.9),
            row("code", "logistic accuracy", 0.8),
            row("samples, prior", "fd[classifier]@360", 9.0),
            row("samples, self", "fd[classifier]@360", 5.0),
            row("samples, self", "fd[self-supervised]@360", 1.0),
            row("model", "bound on −ln p(x)", 17.0),
        ]
    ).assign(dataset="digits", method="paramrel", seed=0)
    scores = quality_scores(quality)
    assert list(scores) == ["dataset", "method", "seed", *HIGHER_IS_BETTER]
    (found,) = scores[["probe accuracy", "fd", "NLL bound"]].to_numpy()
    assert found.tolist() == [0.8, 5.0, 17.0]


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
    curve = rows(log_snr=0.0, representation=["code", "θ"], accuracy=0.5).assign(method="paramrel")
    tables = {
        "quality": quality,
        "known_when": curve,
        "runs": rows(steps=600, nll_bound=1.0, transmission=1.0, **(effects | probes)),
        "controls": pd.DataFrame({"dataset": ["digits"], "n_test": [360]}),
        "disentangle": rows(of=["code", "pca_10"], measure="D (lasso)", value=0.5),
        "reconstruct": rows(way="code", time=1.0, floats=10, mse=0.1, bit_error=np.nan),
        "ablation": rows(nll_bound=1.0, **weights, **effects),
        "code_time": rows(nll_bound=1.0, **weights, **effects),
        "interpolate": rows(
            path_over_chord=1.0, label_switches=1.0, path_length=1.0, midpoint_distance=1.0
        ),
        "mixed": rows(n=360, nll_bound=1.0, label_by_bound=[np.nan, 0.9]),
    }
    printed = printed_tables(tables, PARAMS)
    assert set(printed) == set(TABLES)
    assert all(len(table) for table in printed.values())
    no_groups = {"disentangle": pd.DataFrame(), "mixed": pd.DataFrame()}
    fewer = printed_tables(tables | no_groups, PARAMS)
    assert set(printed) - set(fewer) == {"disentanglement", "mixed"}
    study = PARAMS.model_copy(
        update=dict.fromkeys(("factors", "mixed"), Grid(datasets=(), methods=(), seeds=()))
    )
    shown = [e.name for part in report_sections(study, fewer) for e in part.exhibits]
    assert "T1" in shown and "T2" not in shown and "F13" not in shown


def test_the_tables_of_no_data_set_are_an_empty_one():
    assert read_tables(ROOT, "disentangle", []).empty

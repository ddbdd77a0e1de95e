"""The study's tables as they are printed, and the report that report.yaml makes of them."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import yaml

from paramrel.data import DATASETS, load_dataset
from paramrel.measures.evaluation import data_floors
from paramrel.metrics.table import METRICS, metrics_of
from paramrel.models.methods import METHODS
from paramrel.study.claims import dead_codes, is_dead, thesis_claims, wins, worth_claims
from paramrel.study.findings import findings, sentence
from paramrel.study.hypotheses import hypothesis_claims, log_errors, read_hypotheses
from paramrel.study.page import Exhibit, Frames, Opening, Section
from paramrel.study.params import StudyParams
from paramrel.study.paths import stem, study_root
from paramrel.study.report import read_runs, read_tables, summarise
from paramrel.study.results import read_table
from paramrel.study.verdicts import verdicts

OF_DATASETS = ("quality", "known_when", "reconstruct", "interpolate")


OF_STUDY = ("ablation", "code_time")


# of each trial: the numbers that it varies, and what is printed of it
TRIALS = {
    "trials_rivals": (
        ["beta", "gamma", "lambda", "chosen"],
        ["validation_accuracy", "probe_t1", "nll_bound", "kl", "shuffled_code"],
    ),
    "trials_kernels": (["kernel"], ["aggregate_std", "marginal_kl", "probe_t1", "nll_bound"]),
    "trials_attention": (
        ["conditioning", "gamma", "lambda"], ["D", "C", "I", "MIG", "nll_bound", "shuffled_code"]
    ),
}  # fmt: skip
OF_TRIALS = (*TRIALS, "inversion")


OF_EVIDENCE = ("robust", "evidence")  # of all types of data


TABLES = (
    *OF_DATASETS, *OF_STUDY, *OF_TRIALS, *OF_EVIDENCE, "disentangle", "mixed", "runs", "controls"
)  # fmt: skip


COMPARED = {name: metric for name, metric in METRICS.items() if metric.compared}
HIGHER_IS_BETTER = {metric.compared: metric.higher_is_better for metric in COMPARED.values()}
BETTER = {
    **{metric.key: metric.higher_is_better for metric in METRICS.values()},
    **{"mse": False, "psnr": True, "bit_error": False, "validation_accuracy": True},
    **dict.fromkeys(("label_by_bound", "label_by_sampling", "pixels_recognised"), True),
    "pixels_completed": True,
    **HIGHER_IS_BETTER,
}
OF_CODES = [metric.compared for metric in COMPARED.values() if metric.of == "labels"]
PATHS = [metric.key for metric in metrics_of("paths").values()]


EFFECTS = ["kl", "mmd", "mutual_information", "active_units", "shuffled_code", "probe_t1"]


Tables = Mapping[str, pd.DataFrame]


def read_study(params: StudyParams) -> dict[str, pd.DataFrame]:
    """Return every table that the stages wrote, one row a seed, by name.

    The trials of a study that has none are empty tables, and so is what is hidden of no data set.
    """
    folder = params.results / "tables"
    tables = {name: read_tables(folder, name, params.datasets) for name in OF_DATASETS}
    tables |= {name: read_table(folder / f"{name}.csv") for name in OF_STUDY}
    for name in OF_TRIALS:
        path = folder / f"{name}.csv"
        tables[name] = read_table(path) if path.is_file() else pd.DataFrame()
    shown = [*params.datasets, *params.types.datasets, *params.mixed.datasets]
    for name in OF_EVIDENCE:
        there = [data for data in shown if (folder / f"{name}_{stem(data)}.csv").is_file()]
        tables[name] = read_tables(folder, name, there)
    tables["disentangle"] = read_tables(folder, "disentangle", params.factors.datasets)
    mixed = [read_table(folder / f"{stem(name)}.csv") for name in params.mixed.datasets]
    tables["mixed"] = pd.concat(mixed) if mixed else pd.DataFrame()
    tables["runs"] = read_runs(params)
    datasets = [name for grid in params.grids for name in grid.datasets]
    for name in (*OF_STUDY, *OF_TRIALS):
        datasets += [*tables[name].get("dataset", ())]
    tables["controls"] = pd.DataFrame(
        data_floors(load_dataset(name), params.model, params.evaluate)
        for name in dict.fromkeys(datasets)
    )
    return tables


def quality_scores(quality: pd.DataFrame) -> pd.DataFrame:
    """Return one row a data set, method and seed, with a column for each of HIGHER_IS_BETTER.

    Beside each stands `<name>_sem`, its error over test examples. fd and kid: in the features of
    the classifier, of the sampler that the method was made for, the first of its `samplers`.
    """
    if quality.empty:
        return quality
    name = quality["measure"].str.replace(r"\[classifier\]@\d+$", "", regex=True)
    name = name.replace({measure: metric.compared for measure, metric in COMPARED.items()})
    samplers = {method: f"samples, {row.samplers[0]}" for method, row in METHODS.items()}
    of = quality["of"].isin(["code", "model"]) | (quality["of"] == quality["method"].map(samplers))
    rows = quality.assign(name=name)[of & name.isin(HIGHER_IS_BETTER)]
    key = ["dataset", "method", "seed"]
    wide = rows.reindex(columns=[*key, "name", "value", "sem"]).set_index([*key, "name"])
    values, sems = (
        wide[column].unstack("name").reindex(columns=[*HIGHER_IS_BETTER])
        for column in ("value", "sem")
    )
    scores = values.join(sems.add_suffix("_sem")).reset_index()
    return rows[key].drop_duplicates().merge(scores, on=key)


def printed_tables(tables: Tables, params: StudyParams) -> dict[str, pd.DataFrame]:
    """Return what the report prints, by name: mean ± half width over seeds and test examples.

    What a study has no rows of, as of known factors or of trials, has no table.
    """
    tables = {name: tables.get(name, pd.DataFrame()) for name in TABLES}
    probes = [f"probe_t{time:g}" for time in params.evaluate.probe_times]
    effects = [*dict.fromkeys([*EFFECTS, *probes])]  # `probe_t1` is among both
    scores, runs = quality_scores(tables["quality"]), tables["runs"]
    cell, weights = ["dataset", "method"], ["dataset", "method", "gamma", "lambda"]
    flags = partial(_flagged, floors=_floors(tables["controls"]))
    printed = _page_verdicts(tables, params) | {
        "wins": _wins(scores, runs, params.datasets[0]),
        "quality": flags(summarise(scores, cell, [*HIGHER_IS_BETTER]), runs),
        "quality_controls": _quality_controls(tables["quality"]),
        "runs": flags(summarise(runs, cell, ["nll_bound", "transmission", *effects]), runs),
        "controls": tables["controls"].round(3),
        "disentanglement": _disentanglement(tables["disentangle"]),
        "reconstruction": _reconstruction(tables["reconstruct"]),
        "smoothness": summarise(tables["interpolate"], cell, PATHS),
        "mixed": flags(_measured(tables["mixed"], cell), tables["mixed"]),
        "inversion": _inversion(tables["inversion"]),
        "robust": _robust(tables["robust"]),
        "evidence": _of_parts(tables["evidence"]),
    }
    printed |= {
        name: flags(summarise(tables[name], weights, ["nll_bound", *EFFECTS]), tables[name])
        for name in OF_STUDY
    }
    printed |= {
        name: flags(_trial(tables[name], varied, measures), tables[name])
        for name, (varied, measures) in TRIALS.items()
    }
    return {name: table for name, table in printed.items() if not table.empty}


def report_opening(params: StudyParams, printed: Tables) -> Opening:
    """Return the first screen: what the verdicts say, and the figure that report.yaml names."""
    (entry,) = (part["opening"] for part in _parts() if "opening" in part)
    (figure,) = _exhibits([entry], printed, params)
    return Opening(sentence(printed, params.datasets[0]), figure, findings(printed))


def report_sections(
    params: StudyParams, printed: Tables, frames: Mapping[str, Frames] | None = None
) -> list[Section]:
    """Return the sections that report.yaml describes, filled with tables and paths of figures.

    frames: what sliders show, by name; a section without them has none.
    """
    return [
        Section(
            part["title"],
            part["text"].replace("{hypotheses}", _rules()),
            _exhibits(part["exhibits"], {**printed, **(frames or {})}, params),
        )
        for part in _parts()
    ]


def setting(params: StudyParams, printed: Tables) -> str:
    """Return what holds for all of the page."""
    control = printed["controls"].iloc[0]
    return (
        f"All numbers are of test splits (N = {control['n_test']} for {params.datasets[0]}), "
        f"seeds {list(params.seeds)}, {params.train.steps} steps of {params.train.batch_size} "
        f"examples, codes of {params.model.code_dim} scalars, γ = {params.model.gamma:g} where no "
        "other is named. ± is the half width of a 95 % t-interval that combines what training "
        "seeds and what test examples leave open; of a measure whose error over the test examples "
        "is not known, seeds alone. Verdicts, wins and losses are corrected for their number by "
        "Holm's method. In tables, bold is the best mean of its data set; whether it is better is "
        "decided in V2 alone. A click on a header sorts. Under each exhibit stands the command "
        f"that makes it, and all rows are in results/{params.study}/tables.\n\n"
        "Images of 8×8 and 16×16 pixels and small networks show mechanisms and are no benchmark."
    )


def _parts() -> list[dict]:
    return yaml.safe_load((Path(__file__).parent / "report.yaml").read_text(encoding="utf-8"))


def _exhibits(
    entries: Iterable[dict[str, str]], contents: Mapping[str, object], params: StudyParams
) -> list[Exhibit]:
    """The exhibits of these entries; a table or frames that there are none of have none."""
    return [
        _exhibit(entry, contents, names, params.results)
        for entry in entries
        if entry.get("table", entry.get("frames")) in (None, *contents)
        for names in _places(entry, params)
    ]


def _places(entry: dict[str, str], params: StudyParams) -> list[dict[str, str]]:
    """What the braces of an entry of report.yaml stand for, once for each time it is repeated."""
    groups = {"factor": params.factors.datasets, "mixed": params.mixed.datasets}
    first = {"dataset": params.datasets[0]}
    for word, datasets in groups.items():
        if f"{{{word}}}" in str(entry):
            return [first | {word: name} for name in datasets]
    return [first]


def _exhibit(
    entry: dict[str, str], contents: Mapping[str, object], names: dict[str, str], results: Path
) -> Exhibit:
    stems = {word: stem(name) for word, name in names.items()}
    figure, rows = (entry.get(key, "").format(**stems) for key in ("figure", "rows"))
    entry = {key: value.format(**names) for key, value in entry.items()}
    table = entry.get("table", "")
    content = results / f"figures/{figure}.png" if figure else contents[table or entry["frames"]]
    path = results / f"tables/{rows}.csv" if rows else None
    better = _better(table, content) if table else {}
    return Exhibit(entry["name"], entry["caption"], content, entry["stage"], path, better)


def _better(name: str, table: pd.DataFrame) -> dict[str, bool]:
    """Of which columns of a printed table higher is better, and of which lower."""
    if name in ("robust", "evidence"):  # accuracies and nats, a column for each hidden part
        return dict.fromkeys(table.columns[2:], name == "robust")
    return {
        column: BETTER.get(column, True)
        for column in table
        if column in BETTER or column.startswith("probe_")
    }


def _page_verdicts(tables: Tables, params: StudyParams) -> dict[str, pd.DataFrame]:
    """The claims of the page, with one correction over all of them."""
    kinds = {name: DATASETS[name][1].kind for name in params.types.datasets if name in DATASETS}
    continuous = [name for name, kind in kinds.items() if kind == "continuous"]
    hypotheses = read_hypotheses(study_root() / "docs/hypotheses.md")
    return verdicts(
        {
            "thesis": thesis_claims(tables["code_time"]),
            "worth": worth_claims(tables["runs"], params.model.gamma),
            "hypotheses": hypothesis_claims(hypotheses, tables, continuous),
        }
    )


def _rules() -> str:
    """The rule of each hypothesis, a paragraph each."""
    found = read_hypotheses(study_root() / "docs/hypotheses.md")
    return "\n\n".join(f"{one.name} is decided so: {one.rule}" for one in found)


def _wins(scores: pd.DataFrame, runs: pd.DataFrame, dataset: str) -> pd.DataFrame:
    if scores.empty:
        return scores
    dead = {method for name, method in dead_codes(runs) if name == dataset}
    of_first = scores[scores["dataset"] == dataset]
    return wins(of_first, HIGHER_IS_BETTER, of_codes=OF_CODES, dead=dead)


def _floors(controls: pd.DataFrame) -> pd.Series:
    if controls.empty:
        return pd.Series(dtype=float)
    return controls.set_index("dataset")["independent_pixels_nll"]


def _flagged(table: pd.DataFrame, rows: pd.DataFrame, floors: pd.Series) -> pd.DataFrame:
    """Say in a last column which methods are worse than none, and which codes say nothing.

    rows: of every seed, with bounds, rates and shuffled codes; floors: nats of independent pixels.
    """
    if table.empty or rows.empty:
        return table
    varied = {name for of_trial, _ in TRIALS.values() for name in of_trial}
    by = [name for name in table if name in {"dataset", "method", *varied} and name in rows]
    means = rows.groupby(by, dropna=False).mean(numeric_only=True).reset_index()
    means = means.reindex(columns=dict.fromkeys([*by, "nll_bound", "kl", "shuffled_code"]))
    flags = {
        "worse than independent pixels": means["nll_bound"] > means["dataset"].map(floors),
        "dead code": is_dead(means),
    }
    means["flag"] = ["; ".join(name for name in flags if flags[name][i]) for i in means.index]
    found = table.merge(means[[*by, "flag"]], on=by, how="left")
    return found.assign(flag=found["flag"].fillna(""))


def _trial(rows: pd.DataFrame, varied: list[str], measures: list[str]) -> pd.DataFrame:
    by = ["dataset", "method", *(name for name in varied if name in rows)]
    return summarise(rows, by, [name for name in measures if name in rows])


def _inversion(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return rows
    return summarise(log_errors(rows), ["sigma_1", "way"], ["log_error"])


def _robust(rows: pd.DataFrame) -> pd.DataFrame:
    """Probes trained on clean codes, a column for each part that is hidden."""
    if rows.empty:
        return rows
    clean = rows[(rows["log_snr"] == float("inf")) & (rows["trained_on"] == "clean")]
    return _by_part(clean, "accuracy")


def _of_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """The conditional bounds, a column for each part that is hidden."""
    if rows.empty:
        return rows
    return _by_part(rows[rows["hidden"] != "random"].dropna(subset="conditional_bound"),
                    "conditional_bound")  # fmt: skip


def _by_part(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    by = ["dataset", "method", "hidden"]
    table = summarise(rows, by, [measure]).set_index(by)[measure]
    order = [*dict.fromkeys(rows["hidden"])]
    wide = table.unstack("hidden", fill_value="").reindex(columns=order)
    first = rows[["dataset", "method"]].drop_duplicates()
    return first.merge(wide.reset_index(), on=["dataset", "method"])


def _quality_controls(quality: pd.DataFrame) -> pd.DataFrame:
    """The accuracy of the probes on what no method was trained for."""
    if quality.empty:
        return quality
    rows = quality[~quality["of"].str.startswith(("code", "samples", "model"))]
    rows = rows[rows["measure"].str.endswith("accuracy")]
    means = rows.groupby(["dataset", "of", "measure"])["value"].mean()
    return means.unstack("measure").round(3).reset_index()


def _disentanglement(table: pd.DataFrame) -> pd.DataFrame:
    """Codes go by their method's name, and turned at random too; controls by their own."""
    if table.empty:
        return table
    turned = table["method"] + ", rotated"
    names = table["of"].mask(table["of"] == "code", table["method"])
    names = names.mask(table["of"] == "rotated_code", turned)
    wide = table.assign(of=names).pivot_table(
        "value", ["dataset", "of", "seed"], "measure", sort=False
    )
    return _measured(wide.reset_index(), ["dataset", "of"])


def _reconstruction(table: pd.DataFrame) -> pd.DataFrame:
    if table.empty:
        return table
    rows = table[(table["time"] == 1) | (table["way"] == "mean image")]
    by = ["dataset", "way", "floats", "method"]
    return summarise(rows, by, [name for name in ("mse", "psnr", "bit_error") if name in rows])


def _measured(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Summarise all measurements: columns of numbers, but neither seed, N nor their errors."""
    if rows.empty:
        return rows
    rows = rows.dropna(subset="seed")
    numbers = rows.select_dtypes("number").columns.difference(["seed", "n"], sort=False)
    return summarise(rows, by, [name for name in numbers if not name.endswith("_sem")])

"""The study's tables as they are printed, and the report that report.yaml makes of them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from paramrel.data import load_dataset
from paramrel.measures.evaluation import data_floors
from paramrel.metrics.table import METRICS, metrics_of
from paramrel.study.claims import hypothesis_verdicts, thesis_verdicts, wins, worth_verdicts
from paramrel.study.params import StudyParams
from paramrel.study.paths import stem
from paramrel.study.report import Exhibit, Section, read_runs, read_tables, summarise
from paramrel.study.results import read_table

OF_DATASETS = ("quality", "known_when", "reconstruct", "interpolate")


OF_STUDY = ("ablation", "code_time")


COMPARED = {name: metric for name, metric in METRICS.items() if metric.compared}
HIGHER_IS_BETTER = {metric.compared: metric.higher_is_better for metric in COMPARED.values()}
PATHS = [metric.key for metric in metrics_of("paths").values()]


EFFECTS = ["kl", "mmd", "mutual_information", "active_units", "shuffled_code", "probe_t1"]


Tables = Mapping[str, pd.DataFrame]


def read_study(params: StudyParams) -> dict[str, pd.DataFrame]:
    """Return every table that the stages wrote, one row a seed, by name."""
    folder = params.results / "tables"
    tables = {name: read_tables(folder, name, params.datasets) for name in OF_DATASETS}
    tables |= {name: read_table(folder / f"{name}.csv") for name in OF_STUDY}
    tables["disentangle"] = read_tables(folder, "disentangle", params.factors.datasets)
    mixed = [read_table(folder / f"{stem(name)}.csv") for name in params.mixed.datasets]
    tables["mixed"] = pd.concat(mixed) if mixed else pd.DataFrame()
    tables["runs"] = read_runs(params)
    datasets = [name for grid in params.grids for name in grid.datasets]
    tables["controls"] = pd.DataFrame(
        data_floors(load_dataset(name), params.model.code_dim, params.evaluate) for name in datasets
    )
    return tables


def quality_scores(quality: pd.DataFrame) -> pd.DataFrame:
    """Return one row a data set, method and seed, with a column for each of HIGHER_IS_BETTER.

    fd and kid: in the features of the classifier, of the sampler that the method is made for: the
    code read anew from θ where it can be, else drawn from the prior.
    """
    name = quality["measure"].str.replace(r"\[classifier\]@\d+$", "", regex=True)
    name = name.replace({measure: metric.compared for measure, metric in COMPARED.items()})
    of = quality["of"].str.startswith(("code", "samples", "model"))
    rows = quality.assign(name=name)[of & name.isin(HIGHER_IS_BETTER)]
    key = ["dataset", "method", "seed"]
    rows = rows.sort_values("of", ascending=False, kind="stable")  # `samples, self` comes first
    rows = rows.drop_duplicates([*key, "name"]).sort_index()
    wide = rows.pivot(index=key, columns="name", values="value")
    order = rows[key].drop_duplicates()
    return order.merge(wide.reindex(columns=[*HIGHER_IS_BETTER]).reset_index(), on=key)


def printed_tables(tables: Tables, params: StudyParams) -> dict[str, pd.DataFrame]:
    """Return what the report prints, by name: mean ± half width of the interval over the seeds.

    A study without known factors, or without mixed records, has no table of these.
    """
    probes = [f"probe_t{time:g}" for time in params.evaluate.probe_times]
    effects = [*dict.fromkeys([*EFFECTS, *probes])]  # `probe_t1` is among both
    scores = quality_scores(tables["quality"])
    of_first = scores[scores["dataset"] == params.datasets[0]]
    weights = ["dataset", "method", "gamma", "lambda"]
    printed = {
        "thesis": thesis_verdicts(tables["code_time"]),
        "worth": worth_verdicts(tables["runs"]),
        "hypotheses": hypothesis_verdicts(tables["known_when"], tables["quality"]),
        "wins": wins(of_first, HIGHER_IS_BETTER),
        "quality": summarise(scores, ["dataset", "method"], [*HIGHER_IS_BETTER]),
        "quality_controls": _quality_controls(tables["quality"]),
        "runs": summarise(
            tables["runs"], ["dataset", "method"], ["nll_bound", "transmission", *effects]
        ),
        "controls": tables["controls"].round(3),
        "disentanglement": _disentanglement(tables["disentangle"]),
        "reconstruction": _reconstruction(tables["reconstruct"]),
        "ablation": summarise(tables["ablation"], weights, ["nll_bound", *EFFECTS]),
        "code_time": summarise(tables["code_time"], weights, ["nll_bound", *EFFECTS]),
        "smoothness": summarise(
            tables["interpolate"],
            ["dataset", "method"],
            PATHS,
        ),
        "mixed": _measured(tables["mixed"], ["dataset", "method"]),
    }
    return {name: table for name, table in printed.items() if not table.empty}


def report_sections(params: StudyParams, printed: Tables) -> list[Section]:
    """Return the sections that report.yaml describes, filled with tables and paths of figures."""
    text = (Path(__file__).parent / "report.yaml").read_text(encoding="utf-8")
    return [
        Section(
            part["title"],
            part["text"],
            [
                _exhibit(entry, printed, names, params.results)
                for entry in part["exhibits"]
                if entry.get("table") in (None, *printed)
                for names in _places(entry, params)
            ],
        )
        for part in yaml.safe_load(text)
    ]


def setting(params: StudyParams, printed: Tables) -> str:
    """Return what holds for all of the page."""
    control = printed["controls"].iloc[0]
    return (
        f"All numbers are of test splits (N = {control['n_test']} for {params.datasets[0]}), "
        f"seeds {list(params.seeds)}, {params.train.steps} steps of {params.train.batch_size} "
        f"examples, codes of {params.model.code_dim} scalars; ± is the half width of the 95 % "
        "t-interval over the seeds. Behind each exhibit stands the command that makes it; the rows "
        f"of every seed are in results/{params.study}/tables.\n\n"
        "Images of 8×8 and 16×16 pixels and small networks show mechanisms and are no benchmark. "
        "Intervals over training seeds do not contain the sampling error of the test split."
    )


def _places(entry: dict[str, str], params: StudyParams) -> list[dict[str, str]]:
    """What the braces of an entry of report.yaml stand for, once for each time it is repeated."""
    groups = {"factor": params.factors.datasets, "mixed": params.mixed.datasets}
    first = {"dataset": params.datasets[0]}
    for word, datasets in groups.items():
        if f"{{{word}}}" in str(entry):
            return [first | {word: name} for name in datasets]
    return [first]


def _exhibit(
    entry: dict[str, str], printed: Tables, names: dict[str, str], results: Path
) -> Exhibit:
    figure = entry.get("figure", "").format(**{k: stem(name) for k, name in names.items()})
    entry = {key: value.format(**names) for key, value in entry.items()}
    content = printed[entry["table"]] if "table" in entry else results / f"figures/{figure}.png"
    return Exhibit(entry["name"], entry["caption"], content, entry["stage"])


def _quality_controls(quality: pd.DataFrame) -> pd.DataFrame:
    """The accuracy of the probes on what no method was trained for."""
    rows = quality[~quality["of"].str.startswith(("code", "samples", "model"))]
    rows = rows[rows["measure"].str.endswith("accuracy")]
    means = rows.groupby(["dataset", "of", "measure"])["value"].mean()
    return means.unstack("measure").round(3).reset_index()


def _disentanglement(table: pd.DataFrame) -> pd.DataFrame:
    """Codes go by their method's name, controls by their own."""
    if table.empty:
        return table
    rows = table[table["of"] != "rotated_code"]
    names = rows["method"].where(rows["of"] == "code", rows["of"])
    wide = rows.assign(of=names).pivot_table(
        "value", ["dataset", "of", "seed"], "measure", sort=False
    )
    return _measured(wide.reset_index(), ["dataset", "of"])


def _reconstruction(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[(table["time"] == 1) | (table["way"] == "mean image")]
    by = ["dataset", "way", "floats", "method"]
    return summarise(rows, by, [name for name in ("mse", "psnr", "bit_error") if name in rows])


def _measured(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Summarise all columns that are measurements: numbers, but neither seed nor N."""
    if rows.empty:
        return rows
    rows = rows.dropna(subset="seed")
    numbers = rows.select_dtypes("number").columns.difference(["seed", "n"], sort=False)
    return summarise(rows, by, list(numbers))

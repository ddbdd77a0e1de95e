"""The last step: every number of the study in tables, and all of it on one page."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from paramrel.files import whole_file
from paramrel.metrics.statistics import summary_table
from paramrel.params import StudyParams
from paramrel.results import read_json, read_table

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem; }
h1, h2 { line-height: 1.2; } figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #444; font-size: 0.9rem; } .table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
@media print { figure { break-inside: avoid; } }
"""


def read_runs(params: StudyParams) -> pd.DataFrame:
    """Return the measurements of every run of the study, one row each, from results/metrics."""
    return pd.DataFrame(
        read_json(f"results/metrics/train/{dataset}-{method}-{seed}.json")
        for dataset, method, seed in params.runs
    )


def read_reconstructions(params: StudyParams) -> pd.DataFrame:
    """Return the reconstruction errors of every run, one row for each way and time."""
    return pd.concat(
        read_table(f"results/tables/reconstruct_{dataset}.csv") for dataset in params.datasets
    )


def summarise(rows: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return mean and half width of the 95 % t-interval over the seeds, a column a metric.

    One seed has no interval, and what a method does not have is an empty cell.
    """
    long = summary_table(rows, list(by), list(metrics))
    long["text"] = [
        "" if pd.isna(mean) else f"{mean:.3g}" + ("" if pd.isna(high) else f" ± {high - mean:.2g}")
        for mean, high in zip(long["mean"], long["high"], strict=True)
    ]
    wide = long.pivot(index=list(by), columns="metric", values="text")[list(metrics)]
    return rows[list(by)].drop_duplicates().merge(wide.reset_index(), on=list(by))


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph, and the tables and figures that it speaks of."""

    title: str
    text: str
    tables: Sequence[pd.DataFrame] = ()
    figures: Sequence[str | Path] = ()


def report_sections(params: StudyParams, tables: Mapping[str, pd.DataFrame]) -> list[Section]:
    """Return what the page says of the tables, and of the figures of the first data set."""
    control = tables["controls"].iloc[0]
    folder = "results/figures"
    first = params.datasets[0]
    setting = (
        f"Test split, N = {control['n_test']}; seeds {list(params.seeds)}; {params.train.steps} "
        f"steps of {params.train.batch_size} images. ± is the half width of the 95 % t-interval "
        "over the seeds."
    )
    return [
        Section(
            "Is the code used?",
            "shuffled_code: nats per image that the loss grows by when every image gets the code "
            "of another one; zero is an ignored code. kl and mutual_information in nats, of the "
            f"code read at s = 1. {setting}",
            [tables["codes"]],
            [f"{folder}/shuffled_code.png"],
        ),
        Section(
            "What is an image worth?",
            "An upper bound on −ln p(x), nats per image. paramrel shares one code of s = 1 between "
            "all steps and pays its rate once; a code of the same time is free. Independent pixels "
            f"with their training means pay {control['independent_pixels_nll']:.2f}. {setting}",
            [tables["likelihood"]],
            [f"{folder}/likelihood.png"],
        ),
        Section(
            "What does the code know?",
            "Accuracy of a linear probe on the mean code of time s. The same probe on all pixels: "
            f"{control['probe_pixels']:.3f}; on PCA with {control['code_dim']} components: "
            f"{control['probe_pca']:.3f}. {setting}",
            [tables["probes"]],
            [f"{folder}/probes.png"],
        ),
        Section(
            "What comes back?",
            "Mean squared error of pixels in [0, 1] (of binary pixels: the share of wrong bits) "
            "after reconstruction from θ of time t alone, and from a code of time s alone with "
            "fresh sampling noise. Then the first images of the test split from the code of s = 1 "
            f"alone, and from less and less noisy θ and codes of it, seed {params.seeds[0]}.",
            [],
            [
                f"{folder}/{name}.png"
                for name in ("reconstruction", f"reconstruct_{first}", f"progressive_{first}")
            ],
        ),
        Section(
            "What is drawn without an image?",
            f"Samples of each method, seed {params.seeds[0]}; a code is read anew from θ at every "
            "step (self) or drawn from the prior.",
            [],
            [f"{folder}/samples_{first}.png"],
        ),
        Section(
            "What do the weights γ and λ do?",
            f"{params.ablation.method} on {params.ablation.dataset}: trainings of "
            f"{params.ablation.steps} steps, seeds {list(params.ablation.seeds)}; γ = 0, λ = 1 is "
            "the plain ELBO.",
            [tables["ablation"]],
            [f"{folder}/ablation.png"],
        ),
    ]


def write_report(title: str, sections: Sequence[Section], path: str | Path) -> None:
    """Write one HTML page that needs no other file: the pictures are inside."""
    body = "\n".join(_section(section) for section in sections)
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _section(section: Section) -> str:
    tables = [
        f'<div class="table">{table.to_html(index=False, border=0, na_rep="")}</div>'
        for table in section.tables
    ]
    pictures = [
        f'<figure><img alt="{html.escape(Path(path).stem)}" src="data:image/png;base64,'
        f'{base64.b64encode(Path(path).read_bytes()).decode()}">'
        f"<figcaption>{html.escape(Path(path).stem)}</figcaption></figure>"
        for path in section.figures
    ]
    text = f"<h2>{html.escape(section.title)}</h2>\n<p>{html.escape(section.text)}</p>"
    return "\n".join([text, *tables, *pictures])

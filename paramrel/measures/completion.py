"""How well a model completes records: labels from pixels, pixels that fit the label."""

import pandas as pd

from paramrel.data import Dataset
from paramrel.measures.config import EvaluateParams, GenerateParams
from paramrel.metrics.extractors import Classifier
from paramrel.models.bounds import nll_bound
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.tasks.completion import complete, likeliest_label
from paramrel.tasks.latent_prior import code_source
from paramrel.tasks.sampling import sample


def completion_row(
    run: Run,
    data: Dataset,
    classifier: Classifier,
    evaluate: EvaluateParams,
    generate: GenerateParams,
) -> dict[str, float | int | str]:
    """Measure the whole on the first test records, and its parts given the others.

    classifier: trained on the pixels of the train split; it judges whether the pixels of drawn
    records are those of their label: of whole ones (`pixels_recognised`), and of those drawn given
    the label (`pixels_completed`). What a method cannot do is absent.
    """
    model, x = run.model, data.test.x[slice(evaluate.examples)]
    times, steps, label = evaluate.num_times, generate.sampling_steps, x["label"]
    row = origin(run, evaluate, generate) | {"n": len(label)}
    if model.method.no_bound is None:
        bound = nll_bound(model, x, num_times=times, generator=model.generator(run.seed))
        row |= {"nll_bound": bound.total.mean().item(), "rate": bound.rate.mean().item()}
        found = likeliest_label(model, x, "label", times, run.seed)
        row["label_by_bound"] = (found == label).double().mean().item()
    if model.method.code == "none" or model.method.reads_theta:
        rest = {name: field for name, field in x.items() if name != "label"}
        found = complete(model, rest, steps, model.generator(run.seed))["label"]
        row["label_by_sampling"] = (found == label).double().mean().item()
        given = complete(model, {"label": label}, steps, model.generator(run.seed))
        recognised = classifier.predict(given["pixels"]) == label.numpy()
        row["pixels_completed"] = float(recognised.mean())
    code = code_source(model, model.method.sampler, data.train.x, run.seed, generate.prior_steps)
    drawn = sample(model, len(label), steps, model.generator(run.seed), code)
    recognised = classifier.predict(drawn["pixels"]) == drawn["label"].numpy()
    return row | {
        "pixels_recognised": float(recognised.mean()),
        "judge_sha256": classifier.sha256,
    }


def completion_table(
    runs: list[Run],
    data: Dataset,
    classifier: Classifier,
    evaluate: EvaluateParams,
    generate: GenerateParams,
) -> pd.DataFrame:
    """Return `completion_row` of several runs, and of the classifier on the true pixels."""
    x = data.test.x[slice(evaluate.examples)]
    right = float((classifier.predict(x["pixels"]) == x["label"].numpy()).mean())
    control = {"dataset": data.name, "method": "classifier", "n": len(x["label"])}
    names = ("label_by_bound", "label_by_sampling", "pixels_recognised", "pixels_completed")
    control |= dict.fromkeys(names, right)
    control["judge_sha256"] = classifier.sha256
    rows = [completion_row(run, data, classifier, evaluate, generate) for run in runs]
    return pd.DataFrame([*rows, control])

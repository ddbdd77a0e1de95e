"""The tasks measured: what is counted, and on what."""

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.subset import subset
from paramrel.measures import tasks
from paramrel.measures.assessment import extractors
from paramrel.measures.config import GenerateParams
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.runs.run import Run
from paramrel.tasks.sampling import to_pixels
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
PARAMS = GenerateParams(
    sampling_steps=3, inversion_steps=3, decoding_steps=3, images=3, per_class=2, pairs=70
)
METHODS_SHOWN = ["paramrel", "paramrel_xt", "diffae", "vae"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data():
    return subset(load_dataset("digits"), 200)


@pytest.fixture(scope="module")
def judges(data):
    return extractors(data, 0, 30)


def make_run(method, data):
    torch.manual_seed(0)
    model = build_model(method, data.variables, SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.3)
    return Run("digits", method, 0, model, TrainParams())


@pytest.mark.parametrize("method", METHODS_SHOWN)
def test_every_class_is_drawn_as_often_and_from_codes_of_its_own(method, data, judges):
    run = make_run(method, data)
    images = tasks.conditional_images(run, data, PARAMS)
    assert set(images) == {"examples", "gaussian"}
    assert all(drawn.shape == (10, 2, 1, 8, 8) for drawn in images.values())
    table = tasks.conditional_table(run, data, judges, images, PARAMS)
    assert table["source"].tolist() == list(images) and (table["n"] == 20).all()
    assert (table["accuracy_floor"] == 0.1).all()


def test_real_images_have_the_accuracy_and_the_diversity_of_real_images(data, judges):
    chosen = [data.test.x[data.test.labels == c][:10] for c in range(10)]
    images = {"real": torch.stack(chosen)}
    row = tasks.conditional_table(make_run("vae", data), data, judges, images, PARAMS).iloc[0]
    assert row["accuracy"] == pytest.approx(row["accuracy_real"], abs=0.1)
    assert row["diversity"] == pytest.approx(1, abs=0.2)


def test_a_gaussian_of_codes_has_their_mean_and_their_covariance():
    mixing = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    z = torch.randn(500, 2, generator=seeded()) @ mixing + 3
    drawn = tasks._gaussian_codes(z, 100_000, seeded())
    torch.testing.assert_close(drawn.mean(0), z.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), z.T.cov(), atol=0.1, rtol=0)


@pytest.mark.parametrize("method", METHODS_SHOWN)
def test_the_paths_of_a_run_are_one_row(method, data, judges):
    row = tasks.interpolation_table(make_run(method, data), data, judges, PARAMS).iloc[0]
    assert row["method"] == method and row["n"] == 70
    assert row["path_over_chord"] >= 1 and row["label_switches"] >= row["label_switches_floor"]


def test_a_dimension_that_the_decoder_does_not_read_moves_nothing(data):
    run = make_run("paramrel", data)
    decode = run.model.output_distribution
    read = torch.tensor([1.0, 0.0, 1.0, 0.0])
    run.model.output_distribution = lambda theta, z, t, s: decode(theta, z * read, t, s)
    table = tasks.traversal_table(run, data, PARAMS).set_index("dimension")
    assert (table["change"] > 0).tolist() == [True, False, True, False]
    assert (table["std"] > 0).all()


def test_an_image_that_does_not_move_is_not_taken_for_another_class(data, judges):
    """The decoder ignores its code, and draws one image whatever is asked for."""
    run = make_run("vae", data)
    decode = run.model.output_distribution
    run.model.output_distribution = lambda theta, z, t, s: decode(theta, 0 * z, t, s)
    table = tasks.manipulation_table(run, data, judges[0], PARAMS, (0.0, 5.0))
    assert table["share"].tolist() == [0.1, 0.1]  # the one class that it is
    assert (table["judge_sha256"] == judges[0].sha256).all()


def test_the_judge_is_asked_whether_the_wanted_class_came_out(data, judges, monkeypatch):
    """Codes that are class numbers, moved by the difference: the share is that of the judge."""
    classifier, _ = judges
    exact = torch.stack([data.test.x[data.test.labels == c][0] for c in range(10)])

    def moved(model, latent, direction, amounts, steps):
        return exact[direction.long()].expand(len(latent.z), len(amounts), *exact.shape[1:])

    monkeypatch.setattr(tasks, "manipulate", moved)
    wanted = iter(range(10))
    monkeypatch.setattr(tasks, "probe_direction", lambda codes, w: torch.tensor([next(wanted)]))
    table = tasks.manipulation_table(make_run("vae", data), data, classifier, PARAMS, (1.0,))
    expected = (classifier.predict(to_pixels(exact)) == torch.arange(10).numpy()).mean()
    assert table["share"].item() == pytest.approx(expected)


@pytest.mark.parametrize("task", ["conditional_images", "interpolation", "traversal"])
def test_a_method_without_a_code_is_refused(task, data, judges):
    run = make_run("bfn", data)
    calls = {
        "conditional_images": lambda: tasks.conditional_images(run, data, PARAMS),
        "interpolation": lambda: tasks.interpolation_table(run, data, judges, PARAMS),
        "traversal": lambda: tasks.traversal_table(run, data, PARAMS),
    }
    assert METHODS["bfn"].code == "none"
    with pytest.raises(ValueError, match="no code"):
        calls[task]()


def test_a_test_part_that_is_too_small_is_told_with_its_set_and_the_parameter():
    data = load_dataset("digits")
    tasks.require_test(data, 360, "generate.pairs")
    with pytest.raises(ValueError, match="test part of digits has 360 .* generate.pairs .* 361"):
        tasks.require_test(data, 361, "generate.pairs")

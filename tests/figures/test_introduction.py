"""The introduction's numbers against closed forms, and its figures against their numbers."""

import math

import matplotlib.pyplot as plt
import pytest
import torch
from torch import Generator
from torch.distributions import Categorical

from paramrel import figures
from paramrel.data import load_dataset
from paramrel.flows import CategoricalFlow
from paramrel.measures.introduction import Shapes, bets, moments, prices, shapes
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams

FLOW = CategoricalFlow(num_classes=2, beta_1=9.0)
IMAGE = torch.randint(2, (1, 1, 4, 4), generator=Generator().manual_seed(0))
PIXEL = (1, 2)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def know(theta, t):
    """A predictor that knows the image."""
    return Categorical(logits=100.0 * torch.nn.functional.one_hot(IMAGE, 2))


def guess(theta, t):
    """A predictor that knows nothing."""
    return Categorical(logits=torch.zeros(1, 1, 4, 4, 2))


@pytest.fixture
def found():
    return moments(FLOW, IMAGE, {"bfn": guess, "paramrel": know}, [0.1, 0.5], PIXEL, 0.2, 0)


def test_the_log_odds_of_a_bet_are_normal_with_mean_2_alpha_n_and_variance_4_alpha_n():
    path = bets(FLOW, torch.ones(20_000, dtype=torch.long), 0.1, 5, seed=0).double().logit()
    assert path.shape == (6, 20_000)
    steps = torch.arange(6)
    assert path.mean(1).tolist() == pytest.approx((0.2 * steps).tolist(), abs=0.04)
    assert path.var(1).tolist() == pytest.approx((0.4 * steps).tolist(), rel=0.05)


def test_who_believes_theta_alone_pays_a_coin_toss_a_pixel():
    x = torch.randint(2, (2000, 1, 2, 2), generator=Generator().manual_seed(0))
    bill = prices(FLOW, x, lambda theta, t: theta.to_distribution(), 30, 0.0, 0)
    left = FLOW.sample_theta(x, torch.ones(2000), Generator().manual_seed(0)).entropy()
    assert bill["paid"].iloc[-1] == pytest.approx(
        4 * math.log(2) - 4 * left.mean().item(), rel=0.02
    )
    assert bill["t"].tolist() == pytest.approx([i / 30 for i in range(31)])
    assert bill["paid"].is_monotonic_increasing


def test_who_knows_the_image_pays_for_the_code_alone():
    assert prices(FLOW, IMAGE, know, 5, 3.0, 0)["paid"].tolist() == pytest.approx([3.0] * 6)


def test_a_message_is_free_to_who_knows_and_dear_to_who_guesses(found):
    for moment, price in zip(found, (0.2, 0.4), strict=True):
        assert moment.messages["paramrel"].kl == pytest.approx(0, abs=1e-6)
        assert price < moment.messages["bfn"].kl < math.log(2)
        assert moment.outputs["bfn"].tolist() == [0.5, 0.5]
        assert moment.outputs["paramrel"][IMAGE[0, 0, *PIXEL]] == 1
        shown = moment.theta.to_distribution().probs[0, 0, *PIXEL]
        assert torch.allclose(moment.input, shown)


def test_the_accuracy_of_the_next_message_is_what_the_schedule_still_gives(found):
    expected = [9 * ((t + 0.2) ** 2 - t**2) for t in (0.1, 0.5)]
    alphas = [moment.messages["bfn"].alpha for moment in found]
    assert alphas == pytest.approx(expected, rel=1e-5)


def test_the_distributions_are_drawn_as_they_are(found):
    figure = figures.distributions(found, PIXEL)
    axes = figure.axes
    assert len(axes) == 6
    heights = [patch.get_height() for patch in axes[2].patches]
    moment = found[0]
    bars = [moment.input, moment.outputs["bfn"], moment.outputs["paramrel"]]
    assert heights == pytest.approx(torch.cat(bars).tolist())
    kl = moment.messages["bfn"].kl
    assert axes[4].get_title() == f"prices {kl:.2f} and 0.00 nats"
    assert axes[4].get_xlabel() == "next message y"


def test_the_bets_of_one_pixel_have_units_on_their_axes():
    figure = figures.one_pixel(
        bets(FLOW, torch.ones(20, dtype=torch.long), 0.2, 6, 0), 0.2, shown=5
    )
    left, middle, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["x is white", "x is black"]
    assert len(middle.lines) == 5 + 1
    assert right.get_ylabel() == "mean entropy of θ, nats"
    assert right.lines[0].get_ydata()[0] == pytest.approx(math.log(2), rel=1e-5)


def test_a_bill_is_drawn_with_its_levels():
    bills = {
        "θ alone": prices(FLOW, IMAGE, guess, 4, 0.0, 0),
        "bfn": prices(FLOW, IMAGE, know, 4, 1, 0),
    }
    axis = figures.price_curves(bills, {"a level": 5.0}).axes[0]
    assert [text.get_text() for text in axis.get_legend().texts] == [
        "θ alone, no network",
        "BFN, no code",
    ]
    assert axis.get_ylabel() == "paid so far, nats per image"
    assert axis.texts[0].get_text() == "a level"


@pytest.mark.parametrize("conditioning", ["adagn", "input_add", "cross_attention"])
def test_the_diagram_tells_the_shapes_and_sizes_of_the_model_itself(conditioning):
    params = ModelParams(channels=(8, 16), embedding=16, code_dim=6, conditioning=conditioning)
    data = load_dataset("digits")
    model = build_model("paramrel", data.variables, params)
    seen, texts = shapes(model, data.test.x[:2]), []
    image = (1, 8, 8)
    assert seen == Shapes(
        x=image,
        theta=(*image, 2),
        network_input=image,
        z=(6,),
        raw=(2, 8, 8),
        output=(*image, 2),
        encoder=sum(p.numel() for p in model.encoder.parameters()),
        decoder=sum(p.numel() for p in model.decoder.parameters()),
    )
    axis = figures.framework(model, data.test.x[:1], 0.6, 0.2, 0).axes[0]
    texts = "\n".join(text.get_text() for text in axis.texts)
    for expected in ("(1, 8, 8, 2)", "(2, 8, 8)", "(6)", f"{seen.decoder:,} parameters"):
        assert expected in texts
    assert len(axis.images) == 4

"""What flows and solvers do, as numbers and figures: θ on its way, messages, costs, paths, laws."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import seaborn as sns
import torch
from IPython.display import Image
from matplotlib.figure import Figure
from scipy.stats import norm
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from paramrel.flows import CategoricalFlow, CategoricalTheta, Flow, Theta, bin_centers, draw
from paramrel.solvers import Predictor, Step, effective_number

COLORS = sns.color_palette("colorblind")
sns.set_theme(context="notebook", style="ticks", rc={"axes.titlesize": "medium"})


def picture(figure: Figure) -> Image:
    """Closes a figure into a PNG of 64 colours, a quarter of the usual size in a notebook."""
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, dpi=90, bbox_inches="tight")
    plt.close(figure)
    colours = PIL.Image.open(raw).convert("RGB")
    reduced = colours.quantize(64, PIL.Image.Quantize.MAXCOVERAGE, kmeans=3)
    reduced.save(small, format="png", optimize=True)
    return Image(small.getvalue())


def theta_path(flow: Flow, x: Tensor, times: Sequence[float], generator: Generator) -> list[Theta]:
    """θ of x: (B, ...) at rising times, the first from the prior and each further one from the
    one before, by a message about x."""
    theta, t_last, path = flow.prior(x.shape), 0.0, []
    for t in times:
        if t > t_last:
            alpha = (flow.schedule.beta(t) - flow.schedule.beta(t_last)).item()
            theta = flow.bayesian_update(theta, draw(flow.sender(x, alpha), generator), alpha)
        path.append(theta)
        t_last = t
    return path


def grey(values: Theta | Distribution) -> Tensor:
    """The expected grey value under θ or an output distribution, from 0 (white) to 1 (black)."""
    if isinstance(values, CategoricalTheta):
        return values.logits.softmax(-1)[..., 1]
    if not isinstance(values, Categorical):
        return (values.mean + 1) / 2
    bins = values.probs.shape[-1]
    levels = torch.arange(2.0) if bins == 2 else (bin_centers(bins, values.probs) + 1) / 2
    return values.probs @ levels


def strips(rows: Mapping[str, Sequence[Tensor]], columns: Sequence[str] = ()) -> Image:
    """Draws rows of grey images, each (1, 1, H, W) in [0, 1], with their names on the left."""
    number = len(next(iter(rows.values())))
    size = (0.8 * number + 2, 0.8 * len(rows) + 0.4)
    figure, axes = plt.subplots(len(rows), number, figsize=size, squeeze=False)
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, row, strict=True):
            axis.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    for axis, title in zip(axes[0], columns, strict=False):
        axis.set_title(title, fontsize="small")
    figure.subplots_adjust(wspace=0.08, hspace=0.12)
    return picture(figure)


@dataclass(frozen=True)
class Message:
    """The next message about one pixel: y is N(value, 1/α) for the value that is sent.

    For two classes y stands for (y₁ - y₀)/2α, which is a message about x = ±1.
    """

    alpha: float
    x: float
    values: np.ndarray  # (K,) what the output distribution holds possible
    weights: np.ndarray  # (K,) and how probable

    def densities(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A grid of y, and on it the densities of the sender and of the receiver."""
        scale = self.alpha**-0.5
        y = np.linspace(-1 - 4 * scale, 1 + 4 * scale, 2001)
        receiver = norm.pdf(y[:, None], self.values, scale) @ self.weights
        return y, norm.pdf(y, self.x, scale), receiver

    @property
    def kl(self) -> float:
        """KL(p_S ‖ p_R) in nats, by quadrature: what the message costs to transmit."""
        y, sender, receiver = self.densities()
        ratio = np.log(np.maximum(sender, 1e-300) / np.maximum(receiver, 1e-300))
        return float(np.trapezoid(sender * ratio, y))


def pixel_message(
    flow: Flow, out: Distribution, x: Tensor, pixel: tuple[int, int], alpha: float
) -> Message:
    """The message of accuracy alpha about a pixel (row, column) of x: (1, 1, H, W)."""
    at = (0, 0, *pixel)
    if isinstance(flow, CategoricalFlow):
        return Message(alpha, 2.0 * x[at].item() - 1, np.array([-1.0, 1.0]), out.probs[at].numpy())
    if isinstance(out, Categorical):
        weights = out.probs[at]
        return Message(
            alpha, x[at].item(), bin_centers(len(weights), weights).numpy(), weights.numpy()
        )
    return Message(alpha, x[at].item(), np.array([out.mean[at].item()]), np.ones(1))


def message_panels(messages: Mapping[str, Sequence[Message]], columns: Sequence[str]) -> Image:
    """Draws sender, receiver and output distributions, a row for each kind of data."""
    shape = (len(messages), len(columns))
    size = (2.9 * shape[1], 1.9 * shape[0] + 0.3)
    figure, axes = plt.subplots(*shape, figsize=size, layout="constrained")
    for line, (name, row) in zip(axes, messages.items(), strict=True):
        for axis, message in zip(line, row, strict=True):
            y, sender, receiver = message.densities()
            top = max(sender.max(), receiver.max())
            bars = message.weights / message.weights.max() * top
            axis.vlines(message.values, 0, bars, color="0.75", lw=5, label="output")
            axis.fill_between(y, sender, color=COLORS[0], alpha=0.35, lw=0, label="sender")
            axis.plot(y, receiver, color=COLORS[1], label="receiver")
            axis.set(yticks=[], ylim=(0, 1.15 * top))
            axis.set_title(f"α = {message.alpha:.2g}, KL = {message.kl:.3f} nats", fontsize="small")
        line[0].set_ylabel(name)
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(f"{title}\n{axis.get_title()}", fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("message y")
    axes[0, -1].legend(frameon=False, fontsize="x-small")
    sns.despine(figure, left=True)
    return picture(figure)


def costs(
    flow: Flow, predict: Predictor, x: Tensor, times: Sequence[float], generator: Generator
) -> pd.DataFrame:
    """Entropy of p_I per pixel at each time, and nats per image transmitted up to then."""
    rows = []
    for time in times:
        t = torch.full((len(x),), time)
        theta = flow.sample_theta(x, t, generator)
        loss = flow.loss_continuous_time(x, predict(theta, t), t)
        rows.append(
            {"t": time, "entropy": theta.entropy().mean().item(), "loss": loss.mean().item()}
        )
    table = pd.DataFrame(rows)
    steps = table["t"].diff() * (table["loss"] + table["loss"].shift()) / 2
    return table.assign(transmitted=steps.fillna(0).cumsum())


def cost_curves(tables: Mapping[str, pd.DataFrame], images: int) -> Image:
    """Draws the entropy of p_I, the loss, and what it adds up to, against t."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    titles = {
        "entropy": "entropy of p_I, nats per pixel",
        "loss": "loss at t, nats per image and unit of time",
        "transmitted": "loss up to t, nats per image",
    }
    styles = ("-", "--", ":")
    for axis, (column, title) in zip(axes, titles.items(), strict=True):
        for (name, table), style, color in zip(tables.items(), styles, COLORS, strict=False):
            axis.plot(table["t"], table[column], style, color=color, label=name, lw=2)
        axis.set(title=title, xlabel="t")
    axes[2].axhline(np.log(images), color="0.5", lw=1)
    axes[2].annotate(
        f"ln {images} = {np.log(images):.2f}", (1, 0.97 * np.log(images)), ha="right", va="top"
    )
    axes[0].legend(frameon=False, fontsize="small")
    sns.despine(figure)
    return picture(figure)


def path_panels(
    paths: Mapping[str, Sequence[Step]],
    samples: Mapping[str, Tensor],
    share: float,
    shown: int = 30,
) -> Image:
    """Draws the mean of θ of one variable against t, and the share of samples above 0."""
    size = (3 * len(paths), 3.2)
    figure, axes = plt.subplots(1, len(paths), figsize=size, sharey=True, layout="constrained")
    for axis, (name, steps) in zip(axes, paths.items(), strict=True):
        times = [step.t for step in steps]
        means = torch.cat([step.theta.mean for step in steps], 1)[:shown]
        for mean, x in zip(means, samples[name], strict=False):
            color = COLORS[1] if x > 0 else COLORS[0]
            axis.plot(times, mean, color=color, lw=0.7, marker=".", ms=3 if len(times) < 30 else 0)
        found = (samples[name] > 0).float().mean()
        axis.set(title=f"{name}\nupper cluster: {found:.2f} (truth {share:.2f})", xlabel="t")
    axes[0].set_ylabel("mean of θ")
    sns.despine(figure)
    return picture(figure)


def sampling_laws(
    flow: Flow,
    predict: Predictor,
    data: Tensor,
    solvers: Mapping[str, Callable[..., Tensor]],
    steps: Sequence[int],
    samples: int,
    seed: int,
) -> pd.DataFrame:
    """The effective number of images that each solver draws in so many steps."""
    shape = (samples, *data.shape[1:])
    rows = []
    for name, solver in solvers.items():
        for n in steps:
            x = solver(flow, predict, shape, n, generator=Generator().manual_seed(seed))
            rows.append({"solver": name, "n": n, "images": effective_number(x, data)})
    return pd.DataFrame(rows)


def law_curves(laws: Mapping[str, pd.DataFrame], images: int, samples: int) -> Image:
    """Draws the effective number of images against the number of steps.

    The band is where 95 % of perfect samplers of so many samples would lie.
    """
    equal_pairs = samples * (samples - 1) / 2 / images
    size = (5 * len(laws), 3.6)
    figure, axes = plt.subplots(1, len(laws), figsize=size, sharey=True, layout="constrained")
    for axis, (name, table) in zip(axes, laws.items(), strict=True):
        axis.axhspan(*(images * (1 + z / equal_pairs**0.5) for z in (-2, 2)), color="0.9")
        sns.lineplot(
            table,
            x="n",
            y="images",
            hue="solver",
            style="solver",
            markers=True,
            legend=axis is axes[-1],
            ax=axis,
            palette="colorblind",
        )
        ticks = sorted(table["n"].unique())
        axis.set(title=name, xlabel="steps n", xscale="log", ylabel="effective number of images")
        axis.minorticks_off()
        axis.set_xticks(ticks, ticks)
    sns.move_legend(axes[-1], "lower right", frameon=False, title=None, fontsize="small")
    sns.despine(figure)
    return picture(figure)

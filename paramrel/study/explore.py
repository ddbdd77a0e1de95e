"""A trained model to play with: codes that are moved by hand, decoded from noise that is held."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import ipywidgets as widgets
import PIL.Image
import torch
from torch import Generator, Tensor

from paramrel.flows import Theta
from paramrel.measures.messages import grey
from paramrel.measures.robustness import HIDDEN, seen_of
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.evidence import evidence
from paramrel.solvers import decode, inference
from paramrel.study.page import Frames
from paramrel.tasks.completion import SOON, complete
from paramrel.tasks.sampling import predictor

ZOOM = 18  # screen pixels for a pixel


@dataclass(frozen=True)
class Setting:
    """image: which one; s: the code's time; seed: of the noise; moves: (d,) standard deviations."""

    image: int
    s: float
    seed: int
    moves: tuple[float, ...]

    def moved(self, dimension: int, by: float) -> "Setting":
        """Return the setting with one dimension of the code moved by so many deviations more."""
        moves = list(self.moves)
        moves[dimension] += by
        return replace(self, moves=tuple(moves))


class Look(NamedTuple):
    """What a setting leads to: pictures (H, W) of expected grey values, 0 white to 1 black.

    image: that the code is of; theta: its θ_s, which the self-encoder read; expected: the mean of
    all images with this code, as the decoder sees it at t = 0; decoded: the one of this noise.
    """

    image: Tensor
    theta: Tensor
    expected: Tensor
    decoded: Tensor


class Explorer:
    """Codes of binary images x: (N, 1, H, W), read, moved and decoded.

    spread: (d,) standard deviation of each dimension over the codes of s = 1 of all x.
    steps: of the solver that decodes.
    """

    def __init__(self, model: FlowAutoencoder, x: Tensor, steps: int):
        self.model, self.x, self.steps = model, x, steps
        self.spread = self._code(x, 1.0).std(0)

    def start(self, image: int) -> Setting:
        """Return the setting of an image's own code of s = 1."""
        return Setting(image, 1.0, 0, (0.0,) * len(self.spread))

    def look(self, setting: Setting) -> Look:
        """Read the code of θ_s, move it, decode it; equal settings give equal pictures."""
        flow, x = self.model.flow, self.x[[setting.image]]
        z = self._code(x, setting.s) + torch.tensor([setting.moves]) * self.spread
        s = None if self.model.method.code_time == "same" else setting.s  # as it was trained
        predict, prior = predictor(self.model, z, s), flow.prior(x.shape)
        generator = Generator().manual_seed(setting.seed)
        noise = torch.randn(prior.logits.shape, generator=generator)
        with inference(self.model):
            expected = predict(prior, torch.zeros(1))
            decoded = decode(flow, predict, noise, self.steps).float()
        pictures = (x.float(), grey(self._theta(x, setting.s)), grey(expected), decoded)
        return Look(*(picture[0, 0] for picture in pictures))

    def strongest(self, setting: Setting, number: int) -> list[int]:
        """Return the dimensions whose moves by ±3 deviations change the expected picture most."""

        def change(dimension: int) -> float:
            low, high = (self.look(setting.moved(dimension, by)).expected for by in (-3.0, 3.0))
            return (high - low).abs().sum().item()

        return sorted(range(len(self.spread)), key=change, reverse=True)[:number]

    def frames(self, image: int, amounts: Sequence[float], times: Sequence[float]) -> Frames:
        """Return what the decoder expects of an image's θ_t, one scalar of its code moved.

        The scalars come in the order in which moving them changes the expected picture at t = 0.
        """
        x, size = self.x[[image]], len(self.spread)
        order = self.strongest(self.start(image), size)
        shifts = torch.tensor(amounts)[:, None] * self.spread.diag()[order][:, None]  # (d, A, d)
        z = self._code(x, 1.0) + shifts.flatten(0, 1)
        predict = predictor(self.model, z, 1.0)
        thetas = [self._theta(x, t) for t in times]
        expected = []
        with inference(self.model):
            for theta, t in zip(thetas, times, strict=True):
                repeated = theta.map(lambda part: part.expand(len(z), *part.shape[1:]))
                expected.append(grey(predict(repeated, torch.full((len(z),), t)))[:, 0])
        pictures = torch.stack(expected, 1).unflatten(0, shifts.shape[:2])
        return Frames(
            x[0, 0].float().numpy(),
            torch.stack([grey(theta)[0, 0] for theta in thetas]).numpy(),
            pictures.numpy(force=True),
            [f"z{dimension}" for dimension in order],
            amounts,
            times,
            ("image", "θ at t, what is known of it", "expected, given θ and the code"),
            (len(amounts) - 1, len(times) // 3),
        )

    def _theta(self, x: Tensor, s: float) -> Theta:
        """θ_s from the same noise at every s, so that it moves smoothly."""
        times = torch.full((len(x),), s)
        return self.model.flow.sample_theta(x, times, Generator().manual_seed(0))

    def _code(self, x: Tensor, s: float) -> Tensor:
        with inference(self.model):
            return self.model.encode_theta(self._theta(x, s), torch.full((len(x),), s)).mean


@dataclass(frozen=True)
class Observation:
    """image: which one; hidden: `nothing` or a part of `HIDDEN`; share: of the other pixels that
    are seen, at random; seed: of those and of the draws."""

    image: int
    hidden: str
    share: float
    seed: int


class Completed(NamedTuple):
    """What an observation leads to: pictures (H, W) of grey values, 0 white to 1 black.

    seen: the image, ½ where it is hidden; expected: what the decoder expects of each pixel, given
    those; one, two, three: draws of the whole.
    """

    seen: Tensor
    expected: Tensor
    one: Tensor
    two: Tensor
    three: Tensor


class Eraser:
    """Binary images x, (N, 1, H, W), of which a part is hidden and drawn again.

    model: of partial evidence. steps: of the sampler that draws.
    """

    def __init__(self, model: FlowAutoencoder, x: Tensor, steps: int):
        self.model, self.x, self.steps = model, x, steps

    def look(self, observation: Observation) -> Completed:
        """Hide, expect and draw; equal observations give equal pictures."""
        x, seen = self.x[[observation.image]], self.seen(observation)
        generator = Generator().manual_seed(observation.seed)
        with inference(self.model):
            times = evidence(seen, torch.ones(1), torch.full((1,), SOON))
            theta = self.model.flow.sample_theta(x, times, generator)
            expected = grey(predictor(self.model, generator=generator)(theta, times))
        draws, where = (part.expand(3, *part.shape[1:]) for part in (x, seen))
        if not seen.all():
            draws = complete(self.model, draws, self.steps, generator, where)
        told, expected = (torch.where(seen, x.float(), hidden) for hidden in (0.5, expected))
        return Completed(*(picture[0, 0] for picture in (told, expected)), *draws[:, 0].float())

    def seen(self, observation: Observation) -> Tensor:
        """Return which pixels an observation shows, (1, 1, H, W)."""
        generator = Generator().manual_seed(observation.seed)
        at_random = torch.rand(self.x.shape[1:], generator=generator) < observation.share
        return (seen_of(self.model.variables, observation.hidden) & at_random)[None]


def eraser(view: Eraser) -> widgets.Widget:
    """Return controls for image, hidden part, share and seed, above what they show."""
    settings = {
        "image": widgets.IntSlider(0, 0, len(view.x) - 1, description="image"),
        "hidden": widgets.Dropdown(options=("nothing", *HIDDEN), value="right", description="hide"),
        "share": widgets.FloatSlider(1.0, min=0.0, max=1.0, step=0.05, description="share seen"),
        "seed": widgets.IntSlider(0, 0, 20, description="seed"),
    }
    captions = ("what is seen", "what is expected", "a draw", "a draw", "a draw")
    pictures = Completed(*(widgets.Image(format="png") for _ in Completed._fields))

    def draw(_: object = None) -> None:
        values = {name: control.value for name, control in settings.items()}
        for picture, pixels in zip(pictures, view.look(Observation(**values)), strict=True):
            picture.value = png(pixels)

    for control in settings.values():
        control.observe(draw, "value")
    draw()
    return widgets.VBox([widgets.HBox([*settings.values()]), _captioned(captions, pictures)])


def _captioned(captions: Iterable[str], pictures: Iterable[widgets.Image]) -> widgets.Widget:
    labels = map(widgets.Label, captions)
    return widgets.HBox([widgets.VBox(pair) for pair in zip(labels, pictures, strict=True)])


def strip(looks: Iterable[Look | Completed], *parts: str) -> dict[str, Tensor]:
    """Return the named pictures of looks as rows (N, 1, H, W) in [-1, 1], for `image_rows`."""
    looks = list(looks)
    pictures = {part: torch.stack([getattr(look, part) for look in looks]) for part in parts}
    return {part: 2 * ink[:, None] - 1 for part, ink in pictures.items()}


def sliders(explorer: Explorer) -> widgets.Widget:
    """Return sliders for image, s, noise and every dimension of the code, above what they show."""
    settings = {
        "image": widgets.IntSlider(0, 0, len(explorer.x) - 1, description="image"),
        "s": widgets.FloatSlider(1.0, min=0.0, max=1.0, step=0.05, description="code time s"),
        "seed": widgets.IntSlider(0, 0, 20, description="noise seed"),
    }
    moves = [
        widgets.FloatSlider(0.0, min=-3.0, max=3.0, step=0.25, description=f"z{i}")
        for i in range(len(explorer.spread))
    ]
    reset = widgets.Button(description="moves to 0")
    pictures = Look(*(widgets.Image(format="png") for _ in Look._fields))

    def draw(_: object = None) -> None:
        values = {name: slider.value for name, slider in settings.items()}
        look = explorer.look(Setting(**values, moves=tuple(slider.value for slider in moves)))
        for picture, pixels in zip(pictures, look, strict=True):
            picture.value = png(pixels)

    for slider in (*settings.values(), *moves):
        slider.observe(draw, "value")
    reset.on_click(lambda _: [slider.set_trait("value", 0.0) for slider in moves])
    draw()
    half = (len(moves) + 1) // 2
    columns = ([*settings.values(), reset], moves[:half], moves[half:])
    captions = ("image", "θ_s, which is read", "expected from z", "decoded")
    return widgets.VBox(
        [widgets.HBox([*map(widgets.VBox, columns)]), _captioned(captions, pictures)]
    )


def png(picture: Tensor) -> bytes:
    """Return a picture (H, W), 0 white to 1 black, enlarged, as the bytes of a PNG file."""
    levels = (255 * (1 - picture)).round().byte()
    large = levels.repeat_interleave(ZOOM, 0).repeat_interleave(ZOOM, 1)
    file = io.BytesIO()
    PIL.Image.fromarray(large.numpy(force=True)).save(file, format="png")
    return file.getvalue()

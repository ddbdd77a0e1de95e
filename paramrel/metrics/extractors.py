"""Networks that turn images into features: small ones trained here, and Inception from a file."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.image.fid import NoTrainInceptionV3

from paramrel.data.arrays import as_array, as_labels, draw_seed, require_images
from paramrel.data.fields import batches
from paramrel.data.readings import Examples
from paramrel.tasks.sampling import to_pixels

WIDTH = 64  # features of the small network: few, so that a covariance of 1,000 images has full rank
AT_ONCE = 2**22  # values of the images in a batch, and 500 images, at most

Images = Tensor | Examples  # (N, C, H, W): in [-1, 1], or classes 0 and 1, on any device or on disk


@dataclass(frozen=True)
class Extractor:
    """A frozen network, images (B, C, H, W) in [-1, 1] → features (B, d), named and hashed.

    It takes images from any device, in batches.
    """

    name: str
    network: Callable[[Tensor], Tensor]
    sha256: str

    @property
    def device(self) -> torch.device:
        parameters = getattr(self.network, "parameters", lambda: ())
        return next(iter(parameters()), torch.empty(0)).device

    @torch.no_grad()
    def features(self, images: Images) -> np.ndarray:
        """Return the features of images (N, C, H, W) in [-1, 1] as float64 (N, d)."""
        _require_images(images)
        size = max(min(500, AT_ONCE // math.prod(images.shape[1:])), 1)
        found = [
            self.network(to_pixels(batch).to(self.device)).cpu() for batch in batches(images, size)
        ]
        return as_array(f"features of {self.name}", torch.cat(found))


@dataclass(frozen=True)
class Classifier(Extractor):
    """An extractor whose features a linear head turns into logits (B, K)."""

    head: nn.Linear

    @torch.no_grad()
    def predict(self, images: Images) -> np.ndarray:
        """Return the most probable class of images (N, C, H, W) in [-1, 1] as (N,)."""
        features = torch.as_tensor(self.features(images)).to(self.head.weight)
        return self.head(features).argmax(1).cpu().numpy()


def random_extractor(images: Images, generator: torch.Generator) -> Extractor:
    """Return the untrained small network for such images (N, C, H, W), a control of the trained."""
    return _frozen("random", _small_network(images, generator))


def train_classifier(
    images: Images,
    labels: Tensor,
    generator: torch.Generator,
    name: str = "classifier",
    steps: int = 1000,
) -> Classifier:
    """Train the small network on a train split; its features ignore whatever labels ignore.

    images: (N, C, H, W); labels: (N,) in 0…K−1; Adam, batches of 128 jittered images. It is trained
    on the generator's device.
    """
    _require_images(images)
    classes = int(as_labels("labels", labels, len(images)).max()) + 1
    network = _small_network(images, generator)
    head = _seeded(lambda: nn.Linear(WIDTH, classes), generator)

    def loss(rows: Tensor) -> Tensor:
        logits = head(network(_jittered(images[rows], generator)))
        return functional.cross_entropy(logits, labels[rows].long().to(logits.device))

    _train(nn.ModuleList([network, head]), loss, len(images), steps, generator)
    return Classifier(name, network, weights_sha256(network), head)


def train_self_supervised(
    images: Images, generator: torch.Generator, steps: int = 1000
) -> Extractor:
    """Train the small network, without labels, to match two jittered views of the same image.

    images: (N, C, H, W). InfoNCE at temperature 0.2 over batches of 128, as SimCLR (Chen et al.,
    2020) but from one view to the other only and without a projection head. It is trained on the
    generator's device.
    """
    _require_images(images)
    network = _small_network(images, generator)

    def loss(rows: Tensor) -> Tensor:
        views = (_jittered(images[rows], generator) for _ in range(2))
        first, second = (functional.normalize(network(view)) for view in views)
        likeness = first @ second.T / 0.2
        return functional.cross_entropy(likeness, torch.arange(len(rows), device=first.device))

    _train(network, loss, len(images), steps, generator)
    return _frozen("self_supervised", network)


def inception_extractor(weights: Path, sha256: str) -> Extractor:
    """Load TensorFlow's Inception-v3 of the published FID from a local file with a pinned hash.

    weights: torch-fidelity's `pt_inception-2015-12-05-6726825d.pth`; that package must be
    installed. Grey images are repeated to three channels; pixels are rounded to 8 bits.
    """
    require_sha256(weights, sha256)
    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))
    return Extractor("inception_tf1", _OfBytes(network), sha256)


def require_sha256(path: Path, sha256: str) -> None:
    """Raise ValueError unless the file exists and its SHA-256 is the pinned one."""
    if not Path(path).is_file():
        raise ValueError(f"weights is {path}; there is no such file, and nothing is downloaded")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"weights {path} has SHA-256 {found}; the pinned one is {sha256}")


def weights_sha256(network: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers with their names."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


class _OfBytes(nn.Module):
    """A network that takes colours of 8 bits, for images in [-1, 1]."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        pixels = ((images + 1) * 127.5).round().byte()
        return self.network(pixels.expand(-1, 3, -1, -1))


def _require_images(images: Images) -> None:
    """Raise ValueError for tensors that are no images; what is read from disk is known to be."""
    if isinstance(images, Tensor):
        require_images(images=images)


def _frozen(name: str, network: nn.Module) -> Extractor:
    return Extractor(name, network.eval(), weights_sha256(network))


def _seeded(build: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """Build with initial weights from the generator, leaving the global one as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw_seed(generator))
        return build().to(generator.device)


def _small_network(images: Images, generator: torch.Generator) -> nn.Module:
    def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        return [convolution, nn.GroupNorm(8, outputs), nn.SiLU()]

    def build() -> nn.Module:
        stages = stage(images.shape[1], 16, 1) + stage(16, 32, 2) + stage(32, 64, 2)
        pool = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * 64, WIDTH)]
        return nn.Sequential(*stages, *pool)

    return _seeded(build, generator)


def _jittered(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, stretch and shear each image by about a tenth and add a little noise.

    On the generator's device.
    """
    device = generator.device
    images = to_pixels(images).to(device)
    change = 0.1 * torch.randn(len(images), 2, 3, generator=generator, device=device)
    affine = torch.eye(2, 3, device=device) + change
    grid = functional.affine_grid(affine, images.shape, align_corners=False).to(images)
    moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return moved + 0.1 * torch.randn(images.shape, generator=generator, device=device).to(images)


def _train(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    examples: int,
    steps: int,
    generator: torch.Generator,
) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        few = (min(128, examples),)
        rows = torch.randint(examples, few, generator=generator, device=generator.device)
        optimizer.zero_grad()
        loss(rows.cpu()).backward()
        optimizer.step()
    network.eval()

"""A normal distribution in bins: its probabilities, its mean, and their derivatives."""

import math

import torch
from torch import Generator, Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.distributions import Distribution, constraints

# Up to so many bins, autograd sums over their edges nearly as fast as `_SumOverEdges`.
FEW_BINS = 32
# Edges of all variables that are summed at a time: on a CPU they stay in its cache.
BLOCK, BLOCK_OF_GPU = 2**18, 2**27


def bin_centers(num_bins: int, like: Tensor) -> Tensor:
    """Centres (2k+1)/K - 1 of K equal bins of [-1, 1], k = 0..K-1, as `like`: (K,)."""
    index = torch.arange(num_bins, dtype=torch.float64, device=like.device)
    return ((2 * index + 1) / num_bins - 1).to(like)


def bin_index(x: Tensor, num_bins: int) -> Tensor:
    """Index 0..K-1 of the bin that holds each value of x in [-1, 1], long, as x."""
    return ((x + 1) * num_bins / 2).floor().clamp(0, num_bins - 1).long()


def snap(x: Tensor, num_bins: int) -> Tensor:
    """The centres of the bins that hold the values of x in [-1, 1], as x."""
    return bin_centers(num_bins, x)[bin_index(x, num_bins)]


class DiscretizedNormal(Distribution):
    """A normal distribution clipped to [-1, 1] and rounded to the centres of equal bins.

    loc, scale: (B, ...). Values are bin centres. The first and the last bin hold the tails.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, loc: Tensor, scale: Tensor, num_bins: int):
        self.loc, self.scale, self.num_bins = loc, scale, num_bins
        super().__init__(loc.shape, validate_args=False)

    @property
    def support(self):
        return constraints.interval(-1, 1)

    @property
    def mean(self) -> Tensor:
        """Expected bin centre (B, ...): Σ_k P(k) k_c = (1/K) Σ_edges erf((μ - edge) / √2 σ).

        Summation by parts leaves the K-1 inner edges and no differences of CDFs.
        """
        edges = bin_centers(self.num_bins, self.loc)[1:] - 1 / self.num_bins
        if self.num_bins > FEW_BINS:
            return _SumOverEdges.apply(self.loc, self.scale, edges) / self.num_bins
        return torch.erf(_position(self.loc, self.scale, edges)).sum(-1) / self.num_bins

    @property
    def logits(self) -> Tensor:
        """Log-probabilities of all bins (B, ..., K), normalised."""
        index = torch.arange(self.num_bins, device=self.loc.device)
        return self._log_prob_of_bin(index, self.loc.unsqueeze(-1), self.scale.unsqueeze(-1))

    @property
    def probs(self) -> Tensor:
        """Probabilities of all bins (B, ..., K)."""
        return self.logits.exp()

    @property
    def mode(self) -> Tensor:
        """Centre of the most probable bin (B, ...)."""
        return bin_centers(self.num_bins, self.loc)[self.logits.argmax(-1)]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of the bins of x (B, ...), nats."""
        return self._log_prob_of_bin(bin_index(x, self.num_bins), self.loc, self.scale)

    def entropy(self) -> Tensor:
        """Entropy (B, ...), nats."""
        logits = self.logits
        return -(logits.exp() * logits).sum(-1)

    def sample(self, sample_shape=(), generator: Generator | None = None) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(
            shape, generator=generator, dtype=self.loc.dtype, device=self.loc.device
        )
        value = (self.loc + self.scale * noise).detach().clamp(-1, 1)
        return snap(value.nan_to_num(), self.num_bins)  # an index must exist, of NaN too

    def _log_prob_of_bin(self, index: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        # float64: neighbouring CDFs of a wide distribution agree in all digits of float32
        first, last, precise_scale = index == 0, index == self.num_bins - 1, scale.double()
        left = (2 / self.num_bins * index.double() - 1 - loc) / precise_scale
        right = left + 2 / self.num_bins / precise_scale
        # Φ(b) - Φ(a) = Φ(-a) - Φ(-b): the lower tail keeps the digits that the upper one loses.
        # The outer bins reach to infinity, so they are seen from their inner edge.
        flip = last | ((left + right > 0) & ~first)
        low, high = torch.where(flip, -right, left), torch.where(flip, -left, right)
        log_high, log_low = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
        log_low = torch.where(first | last, -math.inf, log_low)
        return (log_high + torch.log(-torch.expm1(log_low - log_high))).to(loc.dtype)


def _position(loc: Tensor, scale: Tensor, edges: Tensor) -> Tensor:
    """(μ - edge) / √2 σ of all edges: (B, ..., edges)."""
    factor = (math.sqrt(0.5) / scale).unsqueeze(-1)
    # multiplied out, so that the backward pass keeps one number per edge
    return loc.unsqueeze(-1) * factor - edges * factor


class _SumOverEdges(torch.autograd.Function):
    """Σ_edges erf((μ - edge) / √2 σ), (B, ...), and its derivatives, some variables at a time.

    Autograd would keep a number per edge until the backward pass, and visit them in memory.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, loc: Tensor, scale: Tensor, edges: Tensor) -> Tensor:
        values = BLOCK if loc.device.type == "cpu" else BLOCK_OF_GPU
        blocks = (x.flatten().split(max(values // len(edges), 1)) for x in (loc, scale))
        learns, rows = any(ctx.needs_input_grad), []
        for block in zip(*blocks, strict=True):
            u = _position(*block, edges)
            row = [torch.erf(u).sum(-1)]
            if learns:  # d erf(u) = 2/√π exp(-u²) du, du/dμ = 1/√2σ, du/dσ = -u/σ
                bell, factor = torch.exp(-u.square()), math.sqrt(2 / math.pi) / block[1]
                row += [factor * bell.sum(-1), -math.sqrt(2) * factor * (bell * u).sum(-1)]
            rows.append(row)
        total, *slopes = (torch.cat(column).view_as(loc) for column in zip(*rows, strict=True))
        ctx.save_for_backward(*slopes)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        by_loc, by_scale = ctx.saved_tensors
        return grad * by_loc, grad * by_scale, None

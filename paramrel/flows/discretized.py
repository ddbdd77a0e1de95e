"""Bayesian flow for discretized data, such as pixels of 256 levels (Graves et al., section 5)."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, Normal
from torch.nn.functional import one_hot

from . import checks, values
from .discretized_normal import DiscretizedNormal, bin_centers, bin_index, snap
from .distributions import draw
from .gaussian import GaussianFlow
from .tensors import clamp, kl_to_mixture, spread, sum_over_data
from .theta import GaussianTheta


class DiscretizedFlow(GaussianFlow):
    """GaussianFlow of x at the centres of `num_bins` bins of [-1, 1] (Graves et al., section 5).

    A network predicts the mean and the log-scale of the noise. Where an output distribution is
    asked for, a `Categorical` over the bins is as good as a `DiscretizedNormal`.
    """

    num_outputs = 2
    num_likelihood_outputs = 2

    def __init__(self, num_bins: int = 256, sigma_1: float = 1e-3):
        checks.check_count("num_bins", num_bins, 2)
        super().__init__(sigma_1)
        self.num_bins = num_bins
        # A normal of this scale at the centre of a bin leaves 6e-5 outside: sharper gains nothing.
        self.log_scale_min, self.log_scale_max = -math.log(4 * num_bins), 10.0

    def check(self, x: Tensor) -> None:
        """x must hold centres of the bins."""
        values.check_bins(x, self.num_bins)

    def finite(self, out: Distribution) -> Tensor:
        """Whether the probabilities, or mean and scale of the normal, are: ()."""
        if isinstance(out, Categorical):
            return out.probs.isfinite().all()
        return (out.loc + out.scale).isfinite().all()

    def to_data(self, x: Tensor) -> Tensor:
        """The centres of the bins that hold x, clamped to [-1, 1]."""
        return snap(x.clamp(-1, 1), self.num_bins)

    def expected_statistic(self, out: Distribution) -> Tensor:
        """û, the expected bin centre: (B, ...)."""
        if isinstance(out, Categorical):
            return out.probs @ bin_centers(self.num_bins, out.probs)
        return out.mean

    def features(self, x: Tensor) -> Tensor:
        """The bin of x, one-hot: (J, ..., K)."""
        return one_hot(bin_index(x, self.num_bins), self.num_bins).double()

    def output_of(self, features: Tensor) -> Categorical:
        """Bins with these probabilities (B, ..., K)."""
        return Categorical(logits=features.log(), validate_args=False)

    def outcomes(self, out: Distribution) -> tuple[Tensor, Tensor]:
        """The centres of the bins and their probabilities (B, ..., K); of a normal, its mean."""
        if isinstance(out, Categorical):
            return bin_centers(self.num_bins, out.probs).expand_as(out.probs), out.probs
        return super().outcomes(out)

    def output_distribution(
        self, raw: Tensor, theta: GaussianTheta, t: Tensor, marginal: Tensor | None = None
    ) -> DiscretizedNormal:
        """Normal of mean μ/γ - √((1-γ)/γ) ε̂ and scale √((1-γ)/γ) e^s, in bins (eq. 105).

        raw: ε̂ and s, (*x.shape, 2). With a marginal mean and scale are those of `_posterior`, the
        scale times e^s.
        """
        checks.check_shape("raw", raw, (*theta.mean.shape, 2))
        shift, log_scale = raw.to(theta.mean.dtype).unbind(-1)
        if marginal is None:
            mean, scale, informed = self._denoise(shift, theta, t)
            log_scale = torch.where(informed, scale.log() + log_scale, 0.0)
        else:
            mean, scale = self._posterior(shift, theta, marginal)
            log_scale = scale.log() + log_scale
        return self._discretize(mean, log_scale)

    def likelihood(self, raw: Tensor, marginal: Tensor | None = None) -> DiscretizedNormal:
        """p_O with raw (*x.shape, 2) as mean and log-scale of x, for a decoder without θ.

        With a marginal N(m, v) they are m + √v raw and ½ ln v + raw.
        """
        mean, log_scale = raw.float().unbind(-1)
        if marginal is not None:
            scale = marginal[..., 1].sqrt()
            mean, log_scale = marginal[..., 0] + scale * mean, scale.log() + log_scale
        return self._discretize(mean, log_scale)

    def _discretize(self, mean: Tensor, log_scale: Tensor) -> DiscretizedNormal:
        log_scale = clamp(log_scale, self.log_scale_min, self.log_scale_max)
        return DiscretizedNormal(mean, log_scale.exp(), self.num_bins)

    def receiver(self, out: Distribution, alpha: float | Tensor) -> MixtureSameFamily:
        """p_R(y|θ; t, α) = Σ_k p_O(k) N(k_c, 1/α), one per variable."""
        logits = out.logits
        checks.check_accuracy(alpha, logits.shape[:-1], least=torch.finfo(torch.float32).tiny)
        centers = bin_centers(self.num_bins, logits).expand_as(logits)
        scale = spread(alpha, logits[..., 0]).rsqrt().unsqueeze(-1).expand_as(logits)
        return MixtureSameFamily(Categorical(logits=logits), Normal(centers, scale))

    def sample_output(self, out: Distribution, generator: Generator | None = None) -> Tensor:
        """A draw of x, at bin centres: (B, ...)."""
        return self._values(out, draw(out, generator))

    def mode_output(self, out: Distribution) -> Tensor:
        """The most probable x, at bin centres: (B, ...)."""
        return self._values(out, out.mode)

    def _values(self, out: Distribution, drawn: Tensor) -> Tensor:
        if isinstance(out, Categorical):
            return bin_centers(self.num_bins, out.logits)[drawn]
        return drawn

    def loss_discrete_time(
        self,
        x: Tensor,
        out: Distribution,
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """n KL(N(x, 1/α_i) ‖ Σ_k p_O(k) N(k_c, 1/α_i)) over `num_samples` draws of y."""
        checks.check_continuous(x)
        checks.check_output(out, x.shape)
        checks.check_step(i, n, len(x))
        checks.check_count("num_samples", num_samples, 1)
        alpha = spread(self.schedule.alpha_step(i, n), x).unsqueeze(-1)
        offset = bin_centers(self.num_bins, x) - snap(x, self.num_bins).unsqueeze(-1)
        shape = (num_samples, *x.shape, 1)
        noise = torch.randn(shape, generator=generator, dtype=x.dtype, device=x.device)
        kl = kl_to_mixture(out.logits, -alpha * offset.square() / 2, alpha.sqrt() * offset * noise)
        return n * sum_over_data(kl.mean(0))

    def reconstruction_loss(
        self, x: Tensor, out: Distribution, where: Tensor | None = None
    ) -> Tensor:
        """-ln p_O(x|θ₁), nats per example (B,)."""
        checks.check_continuous(x)
        checks.check_output(out, x.shape)
        checks.check_where(where, x.shape)
        value = bin_index(x, self.num_bins) if isinstance(out, Categorical) else x
        return -sum_over_data(out.log_prob(value), where)

    def nll(self, x: Tensor, out: Distribution, where: Tensor | None = None) -> Tensor:
        """-ln p_O(x), nats (B,)."""
        return self.reconstruction_loss(x, out, where)

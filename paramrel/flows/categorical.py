"""Bayesian flow for categorical data, binary pixels among them (Graves et al. 2023, section 6)."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.nn.functional import one_hot

from . import checks, values
from .bayesian import BayesianFlow
from .distributions import draw
from .schedules import QuadraticAccuracy
from .tensors import kl_to_mixture, probabilities, spread, sum_over_data
from .theta import CategoricalTheta


class CategoricalFlow(BayesianFlow):
    """Flow of x in 0..K-1: θ are logits, starting at 0 (Graves et al., section 6).

    x: integers (B, ...), or soft labels (B, ..., K), floats that sum to 1. A soft label stands
    for its one-hot vector e_x in every formula; its reconstruction loss is the cross-entropy.
    """

    def __init__(self, num_classes: int = 2, beta_1: float = 9.0):
        checks.check_count("num_classes", num_classes, 2)
        self.schedule = QuadraticAccuracy(beta_1)
        self.num_classes = num_classes
        self.num_inputs = 1 if num_classes == 2 else num_classes
        self.num_outputs = self.num_likelihood_outputs = num_classes

    def check(self, x: Tensor) -> None:
        """x must be classes in 0..K-1, or soft labels that sum to 1."""
        values.check_labels(x, self.num_classes)

    def check_theta(self, theta: CategoricalTheta, eta: float) -> None:
        """Logits may be those of any accuracy."""

    def finite(self, out: Categorical) -> Tensor:
        """Whether the probabilities are: ()."""
        return out.probs.isfinite().all()

    def from_data(self, x: Tensor) -> Tensor:
        return x

    def to_data(self, x: Tensor) -> Tensor:
        return x

    def prior(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> CategoricalTheta:
        """Logits 0 for data of `shape` (B, ...): (B, ..., K)."""
        checks.check_size(shape)
        return CategoricalTheta(torch.zeros(*shape, self.num_classes, device=device))

    def sample_theta(
        self, x: Tensor, t: Tensor, generator: Generator | None = None
    ) -> CategoricalTheta:
        """Logits ~ N(β(t)(K e_x - 1), β(t) K I) (eq. 185)."""
        label = self._one_hot(x)
        checks.check_time(t, label.shape[:-1])
        return CategoricalTheta(draw(self._observation(label, self.schedule.beta(t)), generator))

    def bayesian_update(
        self, theta: CategoricalTheta, y: Tensor, alpha: float | Tensor
    ) -> CategoricalTheta:
        """θ after observing y (B, ..., K): logits + y, whatever the accuracy alpha (eq. 171)."""
        checks.check_shape("y", y, theta.logits.shape)
        checks.check_accuracy(alpha, y.shape[:-1])
        return self.add(theta, self.told(y, alpha), alpha)

    def natural(self, theta: CategoricalTheta) -> Tensor:
        """ζ: the logits, (B, ..., K)."""
        return theta.logits

    def theta_of(self, zeta: Tensor, beta: float) -> CategoricalTheta:
        """Logits ζ, whatever β."""
        return CategoricalTheta(zeta)

    def add(self, theta: CategoricalTheta, told: Tensor, alpha: float | Tensor) -> CategoricalTheta:
        """Logits + told."""
        return CategoricalTheta(theta.logits + told)

    def told(self, y: Tensor, alpha: float | Tensor) -> Tensor:
        """y itself."""
        return y

    def noise_scale(self, beta: float) -> float:
        """√(Kβ)."""
        return (self.num_classes * beta) ** 0.5

    def statistic(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """u = K e_x - 1: (B, ..., K)."""
        return self.num_classes * one_hot(x, self.num_classes).to(dtype) - 1

    def expected_statistic(self, out: Categorical) -> Tensor:
        """û = K p_O - 1: (B, ..., K)."""
        return self.num_classes * out.probs - 1

    def draw_noise(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> Tensor:
        """Standard normal (*shape, K)."""
        return super().draw_noise((*shape, self.num_classes), device, generator)

    def centred(self, zeta: Tensor) -> Tensor:
        """Logits without their mean over the classes: what all of them share says nothing."""
        return zeta - zeta.mean(-1, keepdim=True)

    def extrapolation(self, last: float, now: float, end: float, stochastic: bool) -> float:
        """û is linear in √β, as in BFN-Solver2 and SDE-BFN-Solver2."""
        if stochastic:
            return (end - now) / (now - last) * (2 * end + now) / (end + now) / 3
        return (end - now) / (now - last) / 2

    def error(self, x: Tensor, again: Tensor) -> Tensor:
        """The share of wrong classes: (B,)."""
        return (x != again).float().reshape(len(x), -1).mean(1)

    def features(self, x: Tensor) -> Tensor:
        """e_x: (J, ..., K)."""
        return one_hot(x, self.num_classes).double()

    def output_of(self, features: Tensor) -> Categorical:
        """Classes with these probabilities (B, ..., K)."""
        return Categorical(logits=features.log(), validate_args=False)

    def log_likelihood(self, x: Tensor) -> Callable[[CategoricalTheta], Tensor]:
        """ln N(ζ; βu, βKI): ζ·e_x and a constant."""
        labels = self.features(x).flatten(1).T
        return lambda theta: theta.logits.double().flatten(1) @ labels

    def outcomes(self, out: Categorical) -> tuple[Tensor, Tensor]:
        """The centres of K equal parts of [-1, 1]; of two classes, -1 and 1: (B, ..., K)."""
        numbers = torch.linspace(-1, 1, self.num_classes, device=out.probs.device)
        return numbers.expand_as(out.probs), out.probs

    def sender(self, x: Tensor, alpha: float | Tensor) -> Independent:
        """p_S(y|x; α) = N(α(K e_x - 1), αK I), one K-vector y per variable (eq. 157)."""
        label = self._one_hot(x)
        checks.check_accuracy(alpha, label.shape[:-1], least=torch.finfo(torch.float32).tiny)
        return self._observation(label, alpha)

    def receiver(self, out: Categorical, alpha: float | Tensor) -> MixtureSameFamily:
        """p_R(y|θ; t, α) = Σ_k p_O(k) p_S(y|k; α), one K-vector y per variable.

        It holds K² numbers per variable when evaluated; to sample, draw x and then the sender.
        """
        logits = out.logits
        checks.check_accuracy(alpha, logits.shape[:-1], least=torch.finfo(torch.float32).tiny)
        classes = (
            torch.eye(self.num_classes, device=logits.device).to(logits).expand(*logits.shape, -1)
        )
        alpha = spread(alpha, logits[..., 0]).unsqueeze(-1)
        return MixtureSameFamily(Categorical(logits=logits), self._observation(classes, alpha))

    def _observation(self, label: Tensor, alpha: float | Tensor) -> Independent:
        alpha = spread(alpha, label[..., 0]).unsqueeze(-1)
        mean = alpha * (self.num_classes * label - 1)
        scale = (alpha * self.num_classes).sqrt().expand_as(mean)
        return Independent(Normal(mean, scale, validate_args=False), 1)

    def network_input(self, theta: CategoricalTheta, t: Tensor) -> Tensor:
        """2p - 1 of all classes (*x.shape, K); of class 1 alone (*x.shape, 1) if K = 2."""
        checks.check_time(t, theta.logits.shape[:-1])
        probs = probabilities(theta.logits)
        return 2 * (probs[..., 1:] if self.num_classes == 2 else probs) - 1

    def certain_input(self, x: Tensor) -> Tensor:
        """2 e_x - 1 of all classes (*x.shape, K); of class 1 alone (*x.shape, 1) if K = 2.

        Floats are no classes but what is expected of two, between -1 and 1: they stay.
        """
        if x.is_floating_point():
            return x.unsqueeze(-1)
        return 2.0 * one_hot(x, self.num_classes)[..., -self.num_inputs :] - 1

    def output_distribution(
        self,
        raw: Tensor,
        theta: CategoricalTheta,
        t: Tensor,
        marginal: Tensor | None = None,
    ) -> Categorical:
        """Categorical distribution of logits raw (*x.shape, K); with a marginal, of θ + ln p + raw.

        Exact: ln p(x_d = k|θ) = θ_dk + ln p(x_d = k|θ_{-d}) and a constant.
        """
        checks.check_shape("raw", raw, theta.logits.shape)
        checks.check_time(t, raw.shape[:-1])
        raw = raw.to(theta.logits.dtype)
        return self.likelihood(raw if marginal is None else raw + theta.logits, marginal)

    def likelihood(self, raw: Tensor, marginal: Tensor | None = None) -> Categorical:
        """Categorical distribution of logits raw (*x.shape, K), plus ln p of a marginal."""
        raw = raw if marginal is None else raw + marginal
        return Categorical(logits=raw, validate_args=False)

    def marginal(self, x: Tensor, where: Tensor) -> Tensor:
        """ln p of every class, as if each had been seen once more: (*x.shape[1:], K)."""
        counts = (self._one_hot(x) * where.unsqueeze(-1)).sum(0) + 1
        return (counts / counts.sum(-1, keepdim=True)).log()

    def variables(self, x: Tensor) -> tuple[int, ...]:
        """The shape (B, ...) of the variables in x, without the classes' axis of soft labels."""
        checks.check_classes(x, self.num_classes)
        return tuple(x.shape[:-1] if x.is_floating_point() else x.shape)

    def sample_output(self, out: Categorical, generator: Generator | None = None) -> Tensor:
        """A draw of x, long (B, ...)."""
        return draw(out, generator)

    def mode_output(self, out: Categorical) -> Tensor:
        """The most probable x, long (B, ...)."""
        return out.mode

    def log_snr(self, t: Tensor) -> Tensor:
        """ln(K β(t) / 2).

        The logits of two classes have means βK√2 apart and noise of variance βK: half that
        distance, squared, over the variance is βK/2 (for K = 2 it is β, as for x = ±1).
        """
        return (self.num_classes / 2 * self.schedule.beta(t)).log()

    def loss_continuous_time(
        self, x: Tensor, out: Categorical, t: Tensor, where: Tensor | None = None
    ) -> Tensor:
        """K α(t)/2 |e_x - ê|², nats per example (B,); ê: probabilities of `out`."""
        label = self._one_hot(x, out)
        checks.check_time(t, label.shape[:-1])
        checks.check_where(where, label.shape[:-1])
        error = (label - probabilities(out.logits)).square().sum(-1)
        weight = self.num_classes / 2 * self.schedule.alpha(t)
        return sum_over_data(spread(weight, error) * error, where)

    def loss_discrete_time(
        self,
        x: Tensor,
        out: Categorical,
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """n KL(p_S ‖ p_R) of step i over `num_samples` draws of y, nats per example (B,).

        ln p_S(y|k) - ln p_S(y|x) = y_k - e_x·y - αK(1-|e_x|²)/2: K numbers per variable.
        """
        label = self._one_hot(x, out)
        checks.check_step(i, n, len(x))
        checks.check_count("num_samples", num_samples, 1)
        strength = self.num_classes * spread(self.schedule.alpha_step(i, n), label[..., 0])
        strength = strength.unsqueeze(-1)
        noise = strength.sqrt() * torch.randn(
            (num_samples, *label.shape), generator=generator, dtype=label.dtype, device=x.device
        )
        mean = strength * (label - (1 + label.square().sum(-1, keepdim=True)) / 2)
        kl = kl_to_mixture(out.logits, mean, noise - (label * noise).sum(-1, keepdim=True))
        return n * sum_over_data(kl.mean(0))

    def reconstruction_loss(
        self, x: Tensor, out: Categorical, where: Tensor | None = None
    ) -> Tensor:
        """-ln p_O(x|θ₁), nats per example (B,); the cross-entropy for soft labels."""
        label = self._one_hot(x, out)
        checks.check_where(where, label.shape[:-1])
        ignored = label == 0  # its logit may be -inf
        if where is not None:
            ignored = ignored | ~where.unsqueeze(-1)
        return -sum_over_data(label * out.logits.masked_fill(ignored, 0))

    def nll(self, x: Tensor, out: Categorical, where: Tensor | None = None) -> Tensor:
        """-ln p_O(x), nats (B,)."""
        return self.reconstruction_loss(x, out, where)

    def _one_hot(self, x: Tensor, out: Categorical | None = None) -> Tensor:
        checks.check_classes(x, self.num_classes)
        label = x if x.is_floating_point() else one_hot(x.long(), self.num_classes).float()
        if out is not None:
            checks.check_shape("out.logits", out.logits, label.shape)
        return label

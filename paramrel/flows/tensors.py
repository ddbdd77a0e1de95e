"""Six operations on tensors that all flows share."""

import torch
from torch import Tensor
from torch.autograd import Function


def spread(values: float | Tensor, like: Tensor) -> Tensor:
    """Values per example (B,) or per variable, made to broadcast with `like` (B, ...)."""
    values = torch.as_tensor(values).to(like)
    return values.reshape(-1, *[1] * (like.ndim - 1)) if values.ndim == 1 else values


def flat(x: Tensor) -> Tensor:
    """All numbers of each example in a row: (B, ...) → (B, F), F = 1 where there is but one."""
    return x.reshape(len(x), -1)


def sum_over_data(values: Tensor, where: Tensor | None = None) -> Tensor:
    """Sums (B, ...) over everything but the batch, (B,); only `where` it is true: (B, ...)."""
    values = values if where is None else values.masked_fill(~where, 0)
    return flat(values).sum(1)


def probabilities(logits: Tensor) -> Tensor:
    """Softmax over the last axis, (..., K).

    Of two classes it is the sigmoid of their difference: over so short an axis, the softmax of
    PyTorch takes ten times longer.
    """
    if logits.shape[-1] != 2:
        return logits.softmax(-1)
    difference = logits[..., 1] - logits[..., 0]
    return torch.stack([-difference, difference], -1).sigmoid()


class _Clamp(Function):
    @staticmethod
    def forward(context, values, low, high):
        context.save_for_backward(values)
        context.limits = low, high
        return values.clamp(low, high)

    @staticmethod
    def backward(context, gradient):
        (values,), (low, high) = context.saved_tensors, context.limits
        # A descent step goes against the gradient: below `low` a positive one leads further away.
        away = ((values < low) & (gradient > 0)) | ((values > high) & (gradient < 0))
        return gradient.masked_fill(away, 0), None, None


def clamp(values: Tensor, low: float, high: float) -> Tensor:
    """Clamps to [low, high]; outside, the gradients that lead back inside still pass.

    A plain clamp has no gradient outside. At small t a new network predicts most pixels there,
    so it would not learn from them at all.
    """
    return _Clamp.apply(values, low, high)


def kl_to_mixture(log_weights: Tensor, mean: Tensor, noise: Tensor) -> Tensor:
    """One draw of KL(p_S ‖ p_R) = -ln Σ_k p_O(k) exp(d_k), nats: (..., K) -> (...).

    `log_weights`: ln p_O(k). d_k = mean + noise is the log-density ratio of component k to the
    sender at a draw from the sender, split into its mean and its zero-mean part. All components
    have the same covariance, so d_k is linear in the draw and K numbers per variable suffice.

    The second term is a control variate: it has mean zero, and cancels the noise to first order
    around the average draw. Without it the noise of a small step exceeds its KL by far.
    """
    weights = (log_weights + mean).softmax(-1)
    return (weights * noise).sum(-1) - torch.logsumexp(log_weights + mean + noise, -1)

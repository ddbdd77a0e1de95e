"""Muon: steps whose matrices are orthogonal, and AdamW for what is no matrix."""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan's quintic
ITERATIONS = 5
RMS = 0.4  # of a step's entries at rate 1; 0.2 is about AdamW's, and slower here


class Muon(torch.optim.AdamW):
    """Muon for matrices and the kernels of convolutions, AdamW for all other parameters.

    The step of a matrix is U Vᵀ of its gradient's momentum U S Vᵀ (Jordan et al. 2024), found by a
    Newton–Schulz iteration up to singular values between 0.7 and 1.2, and scaled so that its
    entries are of one size in all shapes, as AdamW's are: one learning rate and weight decay serve
    both (Liu et al. 2025, arXiv 2502.16982, equation 4). A kernel (out, in, h, w) is the matrix
    (out, in·h·w). PyTorch's own Muon takes no kernels, and computes in bfloat16, which many CPUs
    have to imitate.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], **kwargs: object):
        parameters = list(parameters)
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "orthogonal": True},
            {"params": [p for p in parameters if p.ndim <= 1], "orthogonal": False},
        ]
        super().__init__(groups, **kwargs)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            if group["orthogonal"]:
                self._orthogonal_step(group["params"], group["lr"], group["weight_decay"])
        super().step(closure)

    def _orthogonal_step(self, parameters: list[Tensor], rate: float, decay: float) -> None:
        """Change these, and take their gradients away, so that AdamW leaves them alone."""
        alike = defaultdict(list)
        for parameter in parameters:
            if parameter.grad is not None:
                alike[parameter.flatten(1).shape].append(parameter)
        for shape, members in alike.items():
            steps = orthogonalized(torch.stack([self._momentum(p).flatten(1) for p in members]))
            size = rate * RMS * max(shape) ** 0.5
            for parameter, step in zip(members, steps, strict=True):
                parameter.mul_(1 - rate * decay).sub_(step.view(parameter.shape), alpha=size)
                parameter.grad = None

    def _momentum(self, parameter: Tensor) -> Tensor:
        """Return Nesterov's: of the momentum that has the gradient, and the gradient once more."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # which AdamW expects of every state it loads
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
        return parameter.grad.lerp(momentum, MOMENTUM)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return about U Vᵀ of matrices U S Vᵀ, (N, rows, columns), and 0 of 0."""
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-30)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT

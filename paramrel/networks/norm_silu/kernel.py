"""SiLU of a modulated group norm: three lines of PyTorch, or one compiled function on the CPU.

Where channels come last, convolutions are at their fastest, but PyTorch's group norm with what
follows it takes longer than they do. `norm_silu.cpp` does the same in two passes through memory;
it is compiled once, where there is a C++ compiler, and kept in the cache folder.
"""

import ctypes
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F

from paramrel.data.disk.folders import cache_folder

SOURCE = Path(__file__).with_name("norm_silu.cpp")
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC")
# What PyTorch found the processor to be capable of; other processors take the compiler's default.
PROCESSORS = {"AVX2": ("-march=x86-64-v3",), "AVX512": ("-march=x86-64-v4",)}
# Values of an example below which the kernel gains nothing. There PyTorch's own lines also give
# the same numbers with and without a compiler.
SMALLEST = 2000
POINTER = ctypes.c_void_p


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("batch", "pixels", "channels", "groups")]


def norm_silu(
    x: Tensor, norm: nn.GroupNorm, scale: Tensor | None = None, shift: Tensor | None = None
) -> Tensor:
    """Return SiLU(norm(x)·(1 + scale) + shift); x: (B, C, H, W), scale, shift: (B, C) or 0."""
    if _compiled(x):
        sums = torch.promote_types(x.dtype, torch.float32)  # what the kernel computes in
        affine = (part.to(sums) for part in _affine(norm, scale, shift, len(x)))
        return _NormSiLU.apply(x, *affine, norm.num_groups, norm.eps)
    y = norm(x)
    if scale is not None:
        y = torch.addcmul(shift[..., None, None], y, 1 + scale[..., None, None])
    return F.silu(y)


def _affine(
    norm: nn.GroupNorm, scale: Tensor | None, shift: Tensor | None, batch: int
) -> tuple[Tensor, Tensor]:
    """The norm's own weights and the modulation as one scale and shift, (B, C)."""
    if scale is None:
        return norm.weight.expand(batch, -1), norm.bias.expand(batch, -1)
    return norm.weight * (1 + scale), norm.bias * (1 + scale) + shift


def _compiled(x: Tensor) -> bool:
    """Whether the kernel takes x; `torch.compile` fuses the lines of PyTorch itself."""
    return (
        not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and x.dtype in (torch.bfloat16, torch.float32, torch.float64)
        and x[0].numel() >= SMALLEST
        and x.is_contiguous(memory_format=torch.channels_last)
        and library() is not None
    )


class _NormSiLU(torch.autograd.Function):
    """SiLU(x̂·scale + shift), x̂ the normalised x; scale, shift: (B, C), of the sums' dtype."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, scale: Tensor, shift: Tensor, groups: int, epsilon: float
    ) -> Tensor:
        scale, shift = scale.contiguous(), shift.contiguous()
        y, mean = torch.empty_like(x), scale.new_empty(len(x), groups)
        rstd = torch.empty_like(mean)
        _call("forward", groups, x, scale, shift, y, mean, rstd, epsilon=epsilon)
        ctx.save_for_backward(x, scale, shift, mean, rstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, y_grad: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, shift, mean, rstd = ctx.saved_tensors
        y_grad = y_grad.contiguous(memory_format=torch.channels_last)
        grads = torch.empty_like(x), torch.empty_like(scale), torch.empty_like(shift)
        _call("backward", mean.shape[1], x, y_grad, scale, shift, mean, rstd, *grads)
        return *grads, None, None


def _call(
    name: str, groups: int, x: Tensor, *tensors: Tensor, epsilon: float | None = None
) -> None:
    batch, channels, height, width = x.shape
    function = getattr(library(), f"{name}_{str(x.dtype).removeprefix('torch.')}")
    function(
        *(POINTER(tensor.data_ptr()) for tensor in (x, *tensors)),
        _Shape(batch, height * width, channels, groups),
        *(() if epsilon is None else (ctypes.c_double(epsilon),)),
        ctypes.c_int(torch.get_num_threads()),
    )


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled functions, compiling them if need be; None where that is impossible."""
    flags = FLAGS + PROCESSORS.get(torch.backends.cpu.get_cpu_capability(), ())
    key = sha256(SOURCE.read_bytes() + " ".join((platform.machine(), *flags)).encode())
    path = cache_folder() / "kernels" / f"norm_silu-{key.hexdigest()[:16]}.so"
    try:
        if not path.is_file():
            _compile(flags, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.CalledProcessError):
        return None


def _compile(flags: tuple[str, ...], path: Path) -> None:
    """Write a shared library that is linked without OpenMP: it takes PyTorch's, already loaded."""
    compiler = shutil.which("c++")
    if compiler is None:
        raise FileNotFoundError("there is no C++ compiler")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        compiled, linked = Path(folder, "norm_silu.o"), Path(folder, "norm_silu.so")
        for command in (
            [compiler, *flags, "-c", SOURCE, "-o", compiled],
            [compiler, "-shared", compiled, "-o", linked],
        ):
            subprocess.run(command, check=True, capture_output=True)
        linked.replace(path)

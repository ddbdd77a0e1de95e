"""Which processes, devices and memory a training runs on, and what is said where it cannot."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from paramrel.networks.blocks import Attention, ResBlock
from paramrel.networks.transformer import TransformerBlock
from paramrel.training.config import TrainParams


def limit_threads(number: int) -> None:
    """Compute with so many threads from now on, or with OMP_NUM_THREADS where that is fewer.

    In PyTorch and in the libraries below NumPy, SciPy and scikit-learn, which were imported before.
    """
    allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # of the outermost level
    if allowed.isdecimal() and int(allowed) > 0:  # OpenMP ignores all else
        number = min(number, int(allowed))
    torch.set_num_threads(number)
    threadpool_limits(number)


def keep_freed_memory() -> None:
    """Let the GNU C library keep the memory that a training step frees for the next one.

    By itself it returns much of it to the system, which has to clear every page before it gives it
    again: that takes a tenth of a step. A process may so stay as large as it ever was.
    """
    if platform.libc_ver()[0] == "glibc":
        libc, trim_threshold, mmap_threshold = ctypes.CDLL(None), -1, -3  # of its malloc.h
        libc.mallopt(trim_threshold, -1)  # never
        libc.mallopt(mmap_threshold, 2**25)  # bytes, the most that it takes


def start_fabric(params: TrainParams) -> Fabric:
    """Return the Fabric of one process of a training; ValueError where the machine lacks a thing.

    Several processes are started by `torchrun` or by SLURM's `srun`, never from here.
    """
    gpu = params.accelerator != "cpu" and torch.cuda.is_available()
    _check(params, gpu)
    processes = params.devices * params.num_nodes
    fabric = Fabric(
        accelerator="cuda" if gpu else "cpu",
        devices=params.devices,
        num_nodes=params.num_nodes,
        strategy="ddp" if processes > 1 else params.strategy,
        precision=params.precision,
    )
    fabric.launch()
    return fabric


def _check(params: TrainParams, gpu: bool) -> None:
    processes, started = params.devices * params.num_nodes, _processes()
    if processes != started:
        raise ValueError(
            f"train.devices × train.num_nodes is {processes}, but the number of processes started "
            f"is {started}; make them equal, or run `torchrun --nproc-per-node {params.devices} -m "
            "paramrel.study train DATASET METHOD SEED` on each node"
        )
    if params.accelerator == "gpu" and not gpu:
        raise ValueError(
            "train.accelerator is gpu, but PyTorch sees no GPU here; choose auto or cpu"
        )
    if gpu and params.devices > torch.cuda.device_count():
        raise ValueError(
            f"train.devices is {params.devices}, but this machine has "
            f"{torch.cuda.device_count()} GPUs; choose no more, or train.accelerator cpu"
        )
    if params.precision == "bf16-mixed" and not _computes_in_bfloat16(gpu):
        name = torch.cuda.get_device_name() if gpu else "this processor"
        raise ValueError(
            f"train.precision is bf16-mixed, which {name} lacks: it would take several times as "
            "long as single precision; choose 32-true"
        )


def _computes_in_bfloat16(gpu: bool) -> bool:
    """Whether the device has units for bfloat16; PyTorch imitates them slowly elsewhere."""
    if gpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any(has for name, has in torch.cpu.get_capabilities().items() if "bf16" in name)


def _processes() -> int:
    """How many processes were started for this training."""
    for environment in (TorchElasticEnvironment, SLURMEnvironment):
        if environment.detect():
            return environment().world_size()
    return 1


def gather(fabric: Fabric, values: Tensor) -> Tensor:
    """Return the rows, (b, d), of all processes one after another.

    A process has gradients of its own rows alone. They are multiplied by the number of processes,
    for the gradients of the parameters will be averaged over these.
    """
    if fabric.world_size == 1:
        return values
    fixed = values.detach().contiguous()
    rows = [torch.empty_like(fixed) for _ in range(fabric.world_size)]
    torch.distributed.all_gather(rows, fixed)
    rows[fabric.global_rank] = fixed + fabric.world_size * (values - fixed)
    return torch.cat(rows)


def agreed(fabric: Fabric, losses: Tensor, stop: bool) -> tuple[Tensor, bool]:
    """Return the mean losses of all processes, and whether one of them was asked to stop."""
    if fabric.world_size == 1:
        return losses, stop
    flag = losses.new_tensor([stop])
    mean = fabric.all_reduce(torch.cat([losses, flag]), reduce_op="mean")
    return mean[:-1], bool(mean[-1] > 0)


def recompute_blocks(model: nn.Module) -> None:
    """Let blocks keep no activations, which the backward pass computes again."""
    for block in model.modules():
        if isinstance(block, (ResBlock, Attention, TransformerBlock)):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)


@contextmanager
def naming_memory() -> Iterator[None]:
    """Say what to change where the memory does not suffice: MemoryError."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise MemoryError(
            "a batch does not fit into memory; raise train.accumulate (which cuts it into parts), "
            "set train.recompute, or lower train.batch_size or model.channels"
        ) from error

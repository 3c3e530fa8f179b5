"""One training on several processes: each does its share of every batch, and they add up their gradients.

    fit_on(2, TrainConfig(), checkpoint=Path("checkpoint.pt"))   # what `ladder level4 train --nproc 2` does
    torchrun --nproc-per-node 2 -m shared.cli level4 train       # the same, also over several machines

What is added up are sums, which are divided once by what they are sums over. So two processes, or four pieces
of a batch, give the gradient of one process and one piece, up to rounding.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import torch
import torch.distributed as dist
from torch import Tensor

from level4_build.interrupts import interrupts
from level4_build.outcome import Step
from level4_build.precision import this_device
from level4_build.recipe import Recipe
from shared.errors import BadUsage, LadderError
from shared.leash import follow

TIMEOUT = timedelta(seconds=120)  # a process that is silent for so long is given up
GRACE_S = 10.0  # how long the others may take to notice that one is dead
LOOK_S = 0.2  # how often the parent looks whether it is to stop
LOST = 75  # the exit status of a process that lost another one, which says why it ended
MOST = 64
AGAIN = "Type the same again: it goes on from the last checkpoint."


@dataclass(frozen=True)
class Ranks:
    """The processes of a training, as one of them sees them. Of one alone, every sum is what it has.

    Attributes:
        rank, count: this one's number, and how many there are.
        device: where this one computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=this_device)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, in one message."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, value: Any) -> list[Any]:
        """What each process has, in the order of the processes; every process gets the list."""
        values = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(values, value)
        return values

    def any(self, *flags: bool) -> list[bool]:
        """For each flag whether it is up in any process, so that all do the same about it."""
        raised = torch.tensor(flags, dtype=torch.float32, device=self.device)
        self.add_up([raised])
        return [bool(number) for number in raised.tolist()]


# Joining ---------------------------------------------------------------------------------------------


@contextmanager
def joined(meet: str, gpu: bool, rank: int = -1, count: int = -1) -> Iterator[Ranks]:
    """Join the other processes.

    Args:
        meet: where they meet: `file://…` with `rank` and `count`, or `env://`, where torchrun says both.
        gpu: whether each has a GPU of its own: then they talk by nccl, else by gloo.
    """
    device = torch.device("cpu")
    if gpu:
        device = torch.device("cuda", dist.get_node_local_rank(fallback_rank=max(rank, 0)))
        torch.cuda.set_device(device)
    backend = "nccl" if gpu else "gloo"
    dist.init_process_group(backend, init_method=meet, rank=rank, world_size=count, timeout=TIMEOUT)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
    finally:
        with suppress(RuntimeError):  # another process may be dead
            dist.destroy_process_group()


@contextmanager
def ranks_here() -> Iterator[Ranks]:
    """The processes that torchrun started, or this one alone."""
    if dist.is_torchelastic_launched():
        with joined("env://", this_device().type == "cuda") as ranks:
            yield ranks
    else:
        yield Ranks()


# Starting them on this machine -----------------------------------------------------------------------


def fit_on(
    nproc: int, recipe: Recipe, checkpoint: Path, on_step: Callable[[Step], None] | None = None
) -> None:
    """Train with `nproc` processes of this machine until the checkpoint is complete.

    Raises:
        LadderError: one of them failed or died. The others were ended; the checkpoint can be gone on with.
        KeyboardInterrupt: Ctrl-C or SIGTERM; all ended after the same step, which is in the checkpoint.
    """
    if not 1 <= nproc <= MOST:
        raise BadUsage(f"{nproc} processes are asked for.", f"Take 1 to {MOST}.")
    context: Any = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    context.set_forkserver_preload(
        ["level4_build.trainer"]
    )  # torch is imported once, and no thread is forked
    processes: list[BaseProcess] = []
    ears: list[Connection] = []
    with tempfile.TemporaryDirectory() as folder, interrupts() as interrupted:
        for rank in range(nproc):
            ear, mouth = context.Pipe(duplex=False)
            place = (rank, nproc, (Path(folder) / "meet").as_uri(), os.getpid())
            processes.append(context.Process(target=_work, args=(place, recipe, checkpoint, mouth)))
            processes[-1].start()
            mouth.close()  # the child has its own; so the ear hears when the child is gone
            ears.append(ear)
        try:
            _listen(processes, ears, interrupted, on_step)
        finally:
            _end(processes)


def _listen(
    processes: Sequence[BaseProcess],
    ears: Sequence[Connection],
    interrupted: Event,
    on_step: Callable[[Step], None] | None,
) -> None:
    """Hear what the processes say until all have ended."""
    open_ears, step, stopped, lost, forwarded = list(ears), 0, "", False, False
    while open_ears:
        if interrupted.is_set() and not forwarded:
            forwarded = True
            for process in processes:
                process.terminate()  # SIGTERM: all of them stop after the same step
        for ear in wait(open_ears, timeout=LOOK_S):
            rank = ears.index(ear)
            try:
                kind, *told = ears[rank].recv()
            except EOFError:  # it has ended
                open_ears.remove(ears[rank])
                processes[rank].join()
                code = processes[rank].exitcode or 0
                lost = lost or code == LOST
                if code not in (0, LOST):
                    raise _death(rank, len(ears), code, step) from None
                continue
            if kind == "step":
                step = told[0].step
                if on_step is not None:
                    on_step(told[0])
            elif kind == "stopped":
                stopped = told[0]
            else:
                kind_of_error, message, fix = told
                raise kind_of_error(message, fix)
    if stopped:
        raise KeyboardInterrupt(stopped)
    if lost:
        raise LadderError(f"The processes lost each other after step {step}.", AGAIN)


def _end(processes: Sequence[BaseProcess]) -> None:
    """End those that still run: asked first, killed if still there after GRACE_S seconds."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + GRACE_S
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _death(rank: int, count: int, code: int, step: int) -> LadderError:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return LadderError(
        f"Process {rank + 1} of {count} {how} after step {step}; the others were ended.", AGAIN
    )


def _work(place: tuple[int, int, str, int], recipe: Recipe, checkpoint: Path, mouth: Connection) -> None:
    """What one process does. The first one tells each step."""
    from level4_build.trainer import fit

    rank, count, meet, parent = place
    follow(parent)  # it ends with its parent, also when that is killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which sends a SIGTERM
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
    _on_loopback()
    gpu = this_device().type == "cuda" and torch.cuda.device_count() >= count
    try:
        with joined(meet, gpu, rank, count) as ranks:
            fit(
                recipe,
                None,
                (lambda step: mouth.send(("step", step))) if rank == 0 else None,
                checkpoint,
                ranks=ranks,
            )
    except LadderError as error:
        mouth.send(("error", type(error), error.message, error.fix))
    except KeyboardInterrupt as stopped:
        mouth.send(("stopped", str(stopped)))
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in ("connection", "timed out", "nccl")):
            raise
        sys.exit(LOST)


def _on_loopback() -> None:
    """Let gloo and nccl talk inside this machine alone."""
    name = next(
        n for n, found in psutil.net_if_addrs().items() if any(a.address == "127.0.0.1" for a in found)
    )
    os.environ.update(GLOO_SOCKET_IFNAME=name, NCCL_SOCKET_IFNAME=name)

"""What this machine computes with, chosen once at the start of a training and written into its facts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from pigeonhole.core.errors import ConflictError

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Hardware:
    """Device, number type and threads of one training.

    Attributes:
        device: `cpu` or `cuda`.
        precision: the number type of the products inside a training step; weights and sums stay fp32.
        threads: CPU threads. Sums are split by thread, so the last bits depend on it, and a resumed training
            takes the number it began with.
    """

    device: str
    precision: Precision
    threads: int

    @property
    def looks_each_step(self) -> bool:
        """Whether each step's loss is looked at before the next. On CUDA that would make the host wait every time."""
        return self.device == "cpu"

    def autocast(self) -> torch.autocast:
        """The context that a forward pass runs in."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Sets the threads and keeps the caller's random state and settings as they were.

        On CUDA convolutions are chosen among those that give the same bits each time.
        """
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with (
                torch.random.fork_rng(devices=[] if self.device == "cpu" else None),
                torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
            ):
                yield
        finally:
            torch.set_num_threads(before)


def choose(precision: str) -> Hardware:
    """CUDA where there is a device, else the CPU; bf16 where it is native, if `precision` is `auto`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen: Precision = "fp32"
    if precision == "bf16" or (precision == "auto" and _native_bf16(device)):
        chosen = "bf16"
    return Hardware(device, chosen, torch.get_num_threads())


def restore(saved: Mapping[str, Any]) -> Hardware:
    """What a checkpoint was computed with, to go on with.

    Raises:
        ConflictError: this machine has no such device.
    """
    hardware = Hardware(saved["device"], saved["precision"], saved["threads"])
    if hardware.device == "cuda" and not torch.cuda.is_available():
        raise ConflictError(
            "a training that began on a CUDA device, on a machine without one",
            "the same kind of device, since another one computes other weights",
            "go on where it began, or start a new run from its checkpoint",
        )
    return hardware


def _native_bf16(device: str) -> bool:
    # Without the instructions bf16 is emulated and slower than fp32. Torch has the test, but not as public API.
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(test() for test in tests if test is not None)

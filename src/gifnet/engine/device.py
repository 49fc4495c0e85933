"""Which device computes, and in which number format."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import DeviceError

if TYPE_CHECKING:
    import torch


def resolve_device(device: str) -> torch.device:
    """Return the device for a name; "auto" prefers CUDA, then MPS, then the CPU.

    Raises
    ------
    DeviceError
        If the name is no device, or the device is not there.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"(cpu|mps|cuda)(:\d+)?", device):
        raise DeviceError(f"device is {device!r}; use auto, cpu, cuda, cuda:N or mps.")
    found = torch.device(device)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise DeviceError(
            f"device is {device!r}, but PyTorch sees {count} CUDA device(s); use 'auto' or 'cpu'."
        )
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device is 'mps', which this machine does not have; use 'auto' or 'cpu'.")
    return found


def resolve_precision(
    precision: str, device: torch.device, *, eight_bit: bool = False
) -> torch.dtype:
    """Return the number format of the network.

    Parameters
    ----------
    precision : {"auto", "float32", "tf32", "bfloat16", "float16"}
        "auto" is bfloat16 for 8-bit images where the hardware multiplies it, float32
        otherwise: bfloat16's error is about that of 8-bit rounding.
    eight_bit : bool
        Whether all sources are 8-bit.

    Raises
    ------
    DeviceError
        For float16 on the CPU, which has no such arithmetic and is up to 1000 times slower,
        and for TF32 anywhere but on CUDA devices.
    """
    import torch

    if precision == "auto":
        return torch.bfloat16 if eight_bit and _has_bfloat16(device) else torch.float32
    if precision == "float16" and device.type == "cpu":
        raise DeviceError(
            "precision is 'float16', which the CPU emulates at a thousandth of the speed; use "
            "'bfloat16' or 'float32'."
        )
    if precision == "tf32" and device.type != "cuda":
        raise DeviceError(
            f"precision is 'tf32', which only CUDA devices have, not {device}; use 'float32' or "
            "'bfloat16'."
        )
    formats = {
        "float32": torch.float32,
        "tf32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    return formats[precision]


class _Products:
    """How CUDA multiplies float32 numbers while anyone is in it; afterwards as before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[str] = []

    def enter(self, precision: str) -> None:
        with self._lock:
            if not self._users:
                self._before = [setting.fp32_precision for setting in self._settings()]
            self._users += 1
            for setting in self._settings():
                setting.fp32_precision = precision

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for setting, value in zip(self._settings(), self._before, strict=True):
                    setting.fp32_precision = value

    @staticmethod
    def _settings() -> tuple[Any, ...]:
        import torch

        return torch.backends.cudnn.conv, torch.backends.cuda.matmul  # type: ignore[attr-defined]


# PyTorch's settings are the process's, and tiles of a dask graph run in several threads.
_products = _Products()


@contextmanager
def float32_products(device: torch.device, *, tf32: bool) -> Iterator[None]:
    """Say how CUDA multiplies float32 numbers meanwhile: in full, or rounded to TF32's 10 bits.

    PyTorch rounds in convolutions unless told otherwise, which costs three digits.
    """
    if device.type != "cuda":
        yield
        return
    _products.enter("tf32" if tf32 else "ieee")
    try:
        yield
    finally:
        _products.leave()


def _has_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # The test is not public in every release; without it, float32 is the safe answer.
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return bool(supported is not None and supported())
    return False

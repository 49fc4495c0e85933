"""Whether a plane fits a device's memory, for models that run on whole planes."""

from __future__ import annotations

from pathlib import Path

import torch

from ..errors import DeviceError
from ..models.registry import ModelSpec

_MEMORY_INFO = Path("/proc/meminfo")


def free_bytes(device: torch.device) -> int | None:
    """Return the memory that a device has free, None where there is no telling."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What PyTorch keeps for itself it will use first.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu" or not _MEMORY_INFO.exists():
        return None
    lines = (line.split() for line in _MEMORY_INFO.read_text(encoding="ascii").splitlines())
    found = {words[0]: int(words[1]) for words in lines if len(words) > 1}
    return found["MemAvailable:"] * 1024 if "MemAvailable:" in found else None


def require_room(
    spec: ModelSpec, height: int, width: int, pipeline_dtype: torch.dtype, device: torch.device
) -> None:
    """Refuse a plane that needs more memory than is free.

    Raises
    ------
    DeviceError
        Saying how much it takes, and which model runs in tiles.
    """
    # Beside maps in the number format there are some in float32 always.
    share = 1.0 if pipeline_dtype == torch.float32 else 0.7
    needed, free = height * width * spec.plane_bytes * share, free_bytes(device)
    if free is None or needed <= free:
        return
    raise DeviceError(
        f"Model {spec.name!r} runs on whole planes, and one of {height} x {width} pixels takes "
        f"about {needed / 2**30:.1f} GiB; {device} has {free / 2**30:.1f} GiB free. Use "
        "model='gifnet', which runs in tiles, or fuse parts of the image."
    )

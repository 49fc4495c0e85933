"""Memory checks for models that compute a plane or a tile at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from ..errors import DeviceError
from ..geometry.region import Region
from ..models.registry import MODELS
from ..models.spec import LARGEST_TILE, ModelSpec

#: Fraction of the free memory for such tiles.
TILE_SHARE = 0.5

_MEMORY_INFO = Path("/proc/meminfo")


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a device, None if unknown."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # PyTorch first uses the memory that it has reserved.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu" or not _MEMORY_INFO.exists():
        return None
    lines = (line.split() for line in _MEMORY_INFO.read_text(encoding="ascii").splitlines())
    found = {words[0]: int(words[1]) for words in lines if len(words) > 1}
    return found["MemAvailable:"] * 1024 if "MemAvailable:" in found else None


def bytes_at_once(spec: ModelSpec, dtype: torch.dtype, images: int) -> float:
    """Return the bytes per pixel of a plane or tile that is computed at once."""
    # Some maps are float32 in every number format.
    return spec.plane_bytes * images / 2 * (1.0 if dtype == torch.float32 else 0.7)


def tile_side(
    spec: ModelSpec,
    image: Region,
    dtype: torch.dtype,
    device: torch.device,
    memory: Any,
    images: int = 2,
) -> int:
    """Return the side of the largest tiles that fit, 0 if the whole plane does.

    Parameters
    ----------
    memory : int or "auto"
        Maximum number of bytes.
    images : int
        Number of sources.

    Returns
    -------
    int
        A multiple of the model's window, and at least one window, even if that does not fit.
    """
    cost = bytes_at_once(spec, dtype, images)
    allowed = math.inf if memory == "auto" else float(memory)
    free = free_bytes(device)
    available = math.inf if free is None else float(free)
    # A plane of at most four tiles costs less at once than in tiles with margins.
    at_most = (2 * spec.largest_tile) ** 2 if spec.largest_tile < LARGEST_TILE else math.inf
    if image.area <= at_most / images * 2 and image.area * cost <= min(available, allowed):
        return 0
    side = math.isqrt(int(min(TILE_SHARE * available, allowed) / cost)) - 2 * spec.halo
    return max(1, min(side, spec.largest_tile) // spec.window) * spec.window


def require_memory(
    spec: ModelSpec,
    image: Region,
    tile: int,
    dtype: torch.dtype,
    device: torch.device,
    images: int = 2,
) -> None:
    """Refuse tiles that need more memory than is free; with `tile` 0, a whole plane.

    Raises
    ------
    DeviceError
        With the needed memory, and alternatives that need less.
    """
    reach = tile + 2 * spec.halo if tile else max(image.height, image.width)
    area = min(reach, image.height) * min(reach, image.width)
    needed, free = area * bytes_at_once(spec, dtype, images), free_bytes(device)
    if free is None or needed <= free:
        return
    lighter = [other.name for other in MODELS.values() if not other.plane_bytes]
    what = f"tiles of {tile}" if tile else f"a plane of {image.height} x {image.width}"
    raise DeviceError(
        f"Model {spec.name!r} takes about {needed / 2**30:.1f} GiB for {what} pixels; {device} has "
        f"{free / 2**30:.1f} GiB free. Use tile='auto' or smaller tiles, free memory, or use a "
        f"model that takes less: {', '.join(lighter)}."
    )

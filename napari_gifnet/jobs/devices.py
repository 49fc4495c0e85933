"""The devices of this machine."""

from __future__ import annotations

from .torch_import import import_torch


def device_in_words(device: str = "auto") -> str:
    """Return what a device name stands for on this machine; imports torch.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    import torch

    from gifnet.engine.device import resolve_device

    found = resolve_device(device)
    if found.type == "cuda":
        return f"{found} ({torch.cuda.get_device_name(found)})"
    if found.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({count} thread{'s' if count > 1 else ''})"
    return str(found)


def devices() -> list[str]:
    """Return the device names that can be chosen on this machine; imports torch."""
    import_torch()
    import torch

    found = ["auto", "cpu"]
    found += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*found, "mps"] if torch.backends.mps.is_available() else found

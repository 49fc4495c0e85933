"""The devices of this machine; imports torch, so it is imported itself on first use only."""

from __future__ import annotations

import torch

from gifnet.engine.device import resolve_device, resolve_precision


def describe_device(name: str = "auto") -> str:
    """Return which device a name stands for on this machine.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    found = resolve_device(name)
    if found.type == "cuda":
        return f"{found} ({torch.cuda.get_device_name(found)})"
    if found.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({count} thread{'s' if count > 1 else ''})"
    return str(found)


def list_devices() -> list[str]:
    """Return the device names that can be chosen on this machine."""
    found = ["auto", "cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def preview_precision(device: str) -> str:
    """Return the fastest number format of a device that is exact enough for 8 bits."""
    found = resolve_precision("auto", torch.device(device), eight_bit=True)
    return str(found).removeprefix("torch.")

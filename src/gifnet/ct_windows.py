"""Windows of computed tomography: value ranges by name, in Hounsfield units."""

from __future__ import annotations

from typing import Literal, TypeAlias

CTWindow: TypeAlias = Literal["ct-brain", "ct-soft-tissue", "ct-lung", "ct-bone"]
CT_WINDOWS: dict[str, tuple[float, float]] = {
    "ct-brain": (0.0, 80.0),
    "ct-soft-tissue": (-150.0, 250.0),
    "ct-lung": (-1350.0, 150.0),
    "ct-bone": (-500.0, 1300.0),
}


def windows_in_words() -> str:
    """Return the names of the windows with their limits."""
    windows = CT_WINDOWS.items()
    return ", ".join(f"{name} ({low:g} to {high:g} HU)" for name, (low, high) in windows)

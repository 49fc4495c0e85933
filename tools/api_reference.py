"""Write the API reference from the docstrings, as HTML.

python tools/api_reference.py [FOLDER]
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pdoc

MODULES = (
    "gifnet",
    "gifnet.workflows.batch",
    "gifnet.errors",
    "gifnet.export",
    "gifnet.io",
    "gifnet.geometry",
    "gifnet.metrics",
    "gifnet.opencv",
    "gifnet.options",
    "gifnet.progress",
    "gifnet.registration.api",
    "gifnet.workflows.stack",
    "napari_gifnet",
)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/api")
    for name in MODULES:
        module = import_module(name)
        for public in getattr(module, "__all__", ()):
            # pdoc sees what has been loaded, and these names are loaded on first use.
            setattr(module, public, getattr(module, public))
    pdoc.render.configure(docformat="numpy", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)
    print(folder / "index.html")


if __name__ == "__main__":
    main()

"""Write the API reference of the public modules from their docstrings, as HTML.

python tools/api_reference.py [FOLDER]
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pdoc

#: Everything else is internal (docs/index.md).
MODULES = (
    "gifnet",
    "gifnet.io",
    "gifnet.metrics",
    "gifnet.registration",
    "gifnet.geometry",
    "gifnet.evaluation",
    "gifnet.export",
    "gifnet.opencv",
    "gifnet.errors",
    "gifnet.progress",
    "napari_gifnet",
)
FOOTER = "These modules are public. All other modules are internal and may change in any release."


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/api")
    for name in MODULES:
        module = import_module(name)
        for public in getattr(module, "__all__", ()):
            # pdoc documents only what has been loaded, and these names are loaded on first use.
            setattr(module, public, getattr(module, public))
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text=FOOTER)
    pdoc.pdoc(*MODULES, output_directory=folder)
    print(folder / "index.html")


if __name__ == "__main__":
    main()

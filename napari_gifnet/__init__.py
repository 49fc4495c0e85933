"""Learned image fusion inside napari.

`fuse` and `enhance` take arrays; `fuse_layers`, `enhance_layer` and others take napari layers and
do what the widgets do. Names are loaded on first use, so importing the package is cheap.
"""

import lazy_loader

from gifnet import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

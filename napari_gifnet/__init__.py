"""Learned image fusion inside napari.

``from napari_gifnet import fuse, enhance`` gives scripts the functions behind the widgets,
``fuse_layers`` and ``enhance_layer`` the same for napari layers. Names are loaded on first use, so
importing the package is cheap.
"""

import lazy_loader

from gifnet import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Learned fusion of images of one scene into one, and enhancement of single images.

Names are loaded on first use, so importing the package is cheap.
"""

import lazy_loader

from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

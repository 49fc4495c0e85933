"""What the widgets and scripts do: snapshots of layers in, layer data out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

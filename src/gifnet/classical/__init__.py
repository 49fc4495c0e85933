"""Classical fusion of any number of images, with NumPy: pyramid, depth map, exposure fusion."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

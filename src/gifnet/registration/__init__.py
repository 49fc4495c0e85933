"""Registration of one image onto another: transforms, their search, and resampling."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

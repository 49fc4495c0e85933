"""Image files in and out: TIFF, GeoTIFF, OME-Zarr and pictures, with place and record."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

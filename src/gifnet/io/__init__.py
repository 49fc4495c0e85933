"""Reading and writing of images: TIFF, GeoTIFF, OME-Zarr, PNG, JPEG; with grid and record."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

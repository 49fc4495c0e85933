"""Metrics of image fusion, with the conventions of different toolboxes as arguments.

Functions take NumPy planes (H, W) of any real type on the scale 0 to 255 (or 0 to `data_range`)
and return a float. Those of pansharpening take (bands, H, W). `evaluate` computes all metrics that
apply. Only NumPy and SciPy are needed. docs/metrics.md lists sources and conventions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

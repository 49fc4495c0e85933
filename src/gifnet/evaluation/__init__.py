"""Evaluation of fusion methods on data sets, with tables and a report with pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

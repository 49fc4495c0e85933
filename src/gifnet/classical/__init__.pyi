from .depth import Depth, measure_depth
from .layers import Layer, Layers, Merged, Reader
from .methods import CLASSICAL_METHODS, ClassicalMethod

__all__ = [
    "CLASSICAL_METHODS",
    "ClassicalMethod",
    "Depth",
    "Layer",
    "Layers",
    "Merged",
    "Reader",
    "measure_depth",
]

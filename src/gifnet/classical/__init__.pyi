from .layers import Layer, Layers, Merged, Reader
from .methods import CLASSICAL_METHODS, ClassicalMethod

__all__ = ["CLASSICAL_METHODS", "ClassicalMethod", "Layer", "Layers", "Merged", "Reader"]

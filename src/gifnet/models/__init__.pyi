from .catalogue import ModelInfo, list_models
from .weights import load_weights, save_weights

__all__ = ["ModelInfo", "list_models", "load_weights", "save_weights"]

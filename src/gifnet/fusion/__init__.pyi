from .api import enhance, fuse
from .fuser import Fuser, Fusion, Planes

__all__ = ["Fuser", "Fusion", "Planes", "enhance", "fuse"]

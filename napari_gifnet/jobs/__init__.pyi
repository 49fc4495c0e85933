from . import devices

__all__ = ["devices"]

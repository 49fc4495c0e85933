from .api import (
    Misalignment,
    Registered,
    find_registration,
    misalignment,
    register,
    resample_onto,
)
from .search import check_registration
from .transform import Transform

__all__ = [
    "Misalignment",
    "Registered",
    "Transform",
    "check_registration",
    "find_registration",
    "misalignment",
    "register",
    "resample_onto",
]

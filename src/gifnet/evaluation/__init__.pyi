from . import report, tables
from .datasets import Dataset, find_datasets, held_back
from .methods import Method, Network, Pictures, default_methods, make_method, network_from
from .run import EvaluationSettings, Results, run_evaluation

__all__ = [
    "Dataset",
    "EvaluationSettings",
    "Method",
    "Network",
    "Pictures",
    "Results",
    "default_methods",
    "find_datasets",
    "held_back",
    "make_method",
    "network_from",
    "report",
    "run_evaluation",
    "tables",
]

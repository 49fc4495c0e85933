from . import report, tables
from .datasets import Dataset, find_datasets, held_back
from .methods import Method, Network, Pictures, default_methods, make_method, network_from
from .run import EvaluationSettings, Results, run_evaluation
from .stacks import (
    StackData,
    StackMethod,
    evaluate_stacks,
    find_stacks,
    make_stack_methods,
    stack_csv,
    stack_table,
)

__all__ = [
    "Dataset",
    "EvaluationSettings",
    "Method",
    "Network",
    "Pictures",
    "Results",
    "StackData",
    "StackMethod",
    "default_methods",
    "evaluate_stacks",
    "find_datasets",
    "find_stacks",
    "held_back",
    "make_method",
    "make_stack_methods",
    "network_from",
    "report",
    "run_evaluation",
    "stack_csv",
    "stack_table",
    "tables",
]

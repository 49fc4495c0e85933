from .frufn.trainer import train_all_stages, train_stage
from .gifnet.trainer import train_gifnet

__all__ = ["train_all_stages", "train_gifnet", "train_stage"]

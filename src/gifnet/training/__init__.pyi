from .frufn.trainer import train_all_stages, train_stage
from .gifnet.trainer import train_gifnet
from .shares.trainer import train_shares

__all__ = ["train_all_stages", "train_gifnet", "train_shares", "train_stage"]

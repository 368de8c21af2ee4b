"""How a network is trained, as settings, one file for each concept. Holds no preset's defaults; trains nothing."""

from pigeonhole.models.settings.augmentation import AUGMENTATIONS, Augmentation
from pigeonhole.models.settings.early_stopping import EarlyStopping
from pigeonhole.models.settings.optimizer import Optimizer
from pigeonhole.models.settings.schedule import Schedule
from pigeonhole.models.settings.training import Training

__all__ = ["AUGMENTATIONS", "Augmentation", "EarlyStopping", "Optimizer", "Schedule", "Training"]

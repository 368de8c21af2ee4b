"""How a network is trained, as settings, one file for each concept. Holds no preset's defaults; trains nothing."""

from pigeonhole.models.settings.augmentation import AUGMENTATIONS, Augmentation
from pigeonhole.models.settings.early_stopping import EarlyStopping
from pigeonhole.models.settings.optimizer import OPTIMIZER_FIELDS, Optimizer
from pigeonhole.models.settings.schedule import SCHEDULE_FIELDS, Schedule
from pigeonhole.models.settings.training import Training
from pigeonhole.models.settings.used import without_left_over
from pigeonhole.models.settings.views import Views

__all__ = [
    "AUGMENTATIONS",
    "OPTIMIZER_FIELDS",
    "SCHEDULE_FIELDS",
    "Augmentation",
    "EarlyStopping",
    "Optimizer",
    "Schedule",
    "Training",
    "Views",
    "without_left_over",
]

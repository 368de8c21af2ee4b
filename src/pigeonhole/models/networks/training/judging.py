"""Validation of the weights that would be kept, in a network of their own, so that training never sees them."""

from __future__ import annotations

from pigeonhole.models.networks.batches import Loader
from pigeonhole.models.networks.checkpoints.checkpoint import copy_weights
from pigeonhole.models.networks.network import network_of
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.objective import Objective
from pigeonhole.models.networks.training.scoring import Score, score
from pigeonhole.models.networks.training.session import Session
from pigeonhole.models.trained import TrainingData


class Judge:
    """The validation split and a network to look at it with.

    Attributes:
        network: holds the weights that were judged last.
    """

    def __init__(self, session: Session, data: TrainingData) -> None:
        device = session.hardware.device
        self.network = network_of(session.spec, data.shape_HWC, len(data.class_names)).to(device)
        self._hardware = session.hardware
        self._objective = Objective(session.training.label_smoothing)
        self._how = session.training.test_time_augmentation
        self._images: Loader | None = None
        if data.validation is not None:
            images_NHWC, self._labels_N = data.validation
            self._images = Loader(images_NHWC, session.normalizer, device)

    def judge(self, trainer: Trainer) -> Score | None:
        """How the averaged weights (the weights themselves, without an average) do; `None` without validation images.

        Raises:
            TrainingError: the loss is not finite.
        """
        copy_weights(self.network.state_dict(), trainer.average.weights(trainer.network))
        if self._images is None:
            return None
        return score(self.network, self._images, self._labels_N, self._hardware, self._objective, self._how)

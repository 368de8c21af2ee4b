"""Networks: layers as torch modules, the training loop and its parts. The only room below `export` that knows torch."""

from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.trained import TrainedNetwork, load_network
from pigeonhole.models.networks.training.fit import fit_network

__all__ = ["Network", "TrainedNetwork", "fit_network", "load_network"]

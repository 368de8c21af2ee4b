"""Layer settings → torch modules that compute what Keras computes, on NCHW tensors; a file for each kind of layer."""

from pigeonhole.models.networks.modules.registry import BUILDERS, build_module, build_modules

__all__ = ["BUILDERS", "build_module", "build_modules"]

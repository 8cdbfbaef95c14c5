"""The one place that imports torchvision: topologies and ImageNet weights of its model zoo.

torchvision's compiled operators must fit torch; where they do not (a CUDA build beside torch for a CPU), even its
import fails. No network here uses one of them: they are declared, so that the import goes on.
"""

import importlib
from types import ModuleType
from typing import Any

import torch


def models() -> ModuleType:
    """Return `torchvision.models`."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        library: Any = _library(torch.library)
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        importlib.import_module("torchvision")
    return importlib.import_module("torchvision.models")


def _library(of: Any) -> Any:  # noqa: ANN401  (torch does not say its types)
    return of.Library("torchvision", "DEF")


def imagenet(name: str) -> dict[str, Any]:
    """Return the ImageNet weights of `vgg13` or `resnet34`, downloaded once; raise OSError without a network."""
    weights = models().get_model_weights(name).IMAGENET1K_V1
    state: dict[str, Any] = weights.get_state_dict(progress=True, check_hash=True)
    return state


_declared: list[Any] = []
"""A declaration lasts as long as the library that made it."""

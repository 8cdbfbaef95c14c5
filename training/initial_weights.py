"""Where a network's first weights come from: drawn, ImageNet by torchvision, or a file.

A file is safetensors with torchvision's key names. That of a VGG16 trunk serves a VGG13: each block loses its third
convolution, and the model is called *initialised from VGG16*. Knows no crop.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import nn

from zpscope.config.errors import SettingsError
from zpscope.training.features import features
from zpscope.training.networks import RECIPES, Name
from zpscope.training.vision import imagenet

IMAGENET = "imagenet"
DRAWN = ", hidden linear layers drawn at random"
"""Ends the words of an origin that brought a trunk only; `settle` then fits those layers to the crops."""
_VGG13 = (0, 2, 5, 7, 10, 12, 15, 17, 20, 22)
_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_OF_VGG16 = (0, 2, 5, 7, 10, 12, 17, 19, 24, 26)
"""Convolutions of VGG16 that a VGG13 takes, in order: all but the third of each block."""
_CLASSIFIER = {0: 27, 3: 30}
"""Places of the two hidden linear layers: in torchvision's `classifier`, and in the chain of `network.vgg13`."""


@dataclass(frozen=True)
class Origin:
    """What a network began as."""

    words: str
    """For the card."""
    sha256: str
    """Of the weights; empty if they were drawn."""


def initialised(name: Name, width: float, init: str, seed: int) -> tuple[nn.Sequential, Origin]:
    """Return a network and what it began as.

    Args:
        name: Of the network.
        width: Share of the paper's channels.
        init: Empty (drawn), `imagenet`, or the path of a safetensors file.
        seed: Of what is drawn.

    Raises:
        SettingsError: The weights are not there, damaged, or do not fit.
    """
    torch.manual_seed(seed)
    network = RECIPES[name].make(width)
    if not init:
        return network, Origin("drawn at random", "")
    if name == "basic" or width != 1:
        msg = f"--init has no weights for {name} of width {width}: leave it out, or take vgg13 or resnet34 at width 1"
        raise SettingsError(msg)
    state, words, digest = _weights(name, init)
    if name == "resnet34":
        network = _filled(network, _as_chain(state), init)
        return network, Origin(words, digest)
    places = {int(found[1]) for key in state if (found := re.fullmatch(r"features\.(\d+)\.weight", key))}
    if places == set(_VGG16):
        convolutions, words = _OF_VGG16, f"{words}, initialised from VGG16"
    elif places == set(_VGG13):
        convolutions = _VGG13
    else:
        msg = f"{init} holds no VGG13 or VGG16 trunk (keys `features.N.weight`): choose another file"
        raise SettingsError(msg)
    moved = {f"features.{theirs}": ours for ours, theirs in zip(_VGG13, convolutions, strict=True)}
    hidden = {f"classifier.{theirs}": ours for theirs, ours in _CLASSIFIER.items()}
    if all(f"{key}.weight" in state for key in hidden):
        moved |= hidden
    else:
        words += DRAWN
    chosen = {
        f"{ours}.{kind}": state[f"{theirs}.{kind}"]
        for theirs, ours in moved.items()
        for kind in ("weight", "bias")
    }
    return _filled(network, chosen, init), Origin(words, digest)


def settle(network: nn.Sequential, crops: NDArray[np.uint8]) -> None:
    """Give each unit of the hidden linear layers mean 0 and variance 1 over crops (N, 128, 128), before its ReLU.

    For layers that were drawn behind a trunk that was not: crops of heads resemble each other, and what drawn layers
    make of them is all but constant and small; a last layer learns nothing from it in 50 epochs (Kraehenbuehl et al.
    2016, data-dependent initialisation).
    """
    linear = [i for i, layer in enumerate(network) if isinstance(layer, nn.Linear)]
    values = torch.from_numpy(features(network[: linear[0]], crops))
    network.eval()
    with torch.no_grad():
        for place, after in pairwise(linear):
            layer: Any = network[place]
            made = layer(values)
            spread = made.std(dim=0).clamp_min(1e-6)
            layer.weight.div_(spread[:, None])
            layer.bias.copy_((layer.bias - made.mean(dim=0)) / spread)
            values = network[place:after](values)


def _weights(name: Name, init: str) -> tuple[dict[str, Any], str, str]:
    """Return the state of a torchvision network, where it is from, and its digest."""
    if init == IMAGENET:
        try:
            state = imagenet(name)
        except (OSError, RuntimeError) as error:  # torch reports a download that broke off as a RuntimeError
            msg = f"the ImageNet weights cannot be downloaded ({error}): try again, or give a file with --init PATH"
            raise SettingsError(msg.replace("\n", " ")) from error
        return state, "ImageNet (torchvision, IMAGENET1K_V1)", ""
    path = Path(init)
    try:
        found = load_file(path)
        digest = sha256(path.read_bytes()).hexdigest()
    except (OSError, SafetensorError) as error:
        msg = f"{init} is no whole safetensors file ({error}): download it again"
        raise SettingsError(msg.replace("\n", " ")) from error
    return {key: torch.from_numpy(found[key].astype(np.float32)) for key in found}, path.name, digest


def _as_chain(state: dict[str, Any]) -> dict[str, Any]:
    """Return a torchvision ResNet's state under the places of the chain of `networks.resnet34`."""
    names = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
    moved: dict[str, Any] = {}
    for key, values in state.items():
        first, _, rest = key.partition(".")
        if first in names:
            moved[f"{names.index(first)}.{rest}"] = values
    return moved


def _filled(network: nn.Sequential, state: dict[str, Any], init: str) -> nn.Sequential:
    """Return the network with these weights in it; all but linear layers must be among them."""
    wanted = network.state_dict()
    for key, values in state.items():
        if key not in wanted or wanted[key].shape != values.shape:
            msg = f"{init} does not fit: {key} is {tuple(values.shape)}; choose weights of this network"
            raise SettingsError(msg)
    drawn = {i for i, layer in enumerate(network) if isinstance(layer, nn.Linear)}
    missing = [key for key in wanted if key not in state and int(key.partition(".")[0]) not in drawn]
    if missing:
        msg = f"{init} lacks {missing[0]}: choose weights of this network"
        raise SettingsError(msg)
    network.load_state_dict(state, strict=False)
    return network

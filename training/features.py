"""What the frozen layers of a network make of crops, computed once and kept in a file.

The paper's run trains one layer for 50 epochs; with this it takes minutes on a CPU. Knows no class and no schedule.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zpscope.config.errors import StoreError
from zpscope.training.device import device, precision, spread
from zpscope.training.network import normalise

_BATCH = 8


def features(
    trunk: nn.Module, crops: NDArray[np.uint8], kept: Path | None = None, step: Callable[[int], object] = bool
) -> NDArray[np.float32]:
    """Return what frozen layers make of crops (..., 128, 128): (..., features of one crop).

    Args:
        trunk: Layers that take normalised pixels; they are put into evaluation mode.
        crops: Any number of leading axes.
        kept: A file to keep them in: the same layers and crops are not computed again.
        step: Hears how many crops were done.

    Raises:
        StoreError: The disk is full or may not be written.
    """
    flat = crops.reshape(-1, *crops.shape[-2:])
    key = _key(trunk, crops)
    if kept and kept.exists():
        with np.load(kept, allow_pickle=False) as found:
            if str(found["key"]) == key:
                step(len(flat))
                return np.asarray(found["features"], np.float32)
    trunk.eval()
    placed = spread(trunk)
    parts: list[NDArray[np.float32]] = []
    with torch.no_grad(), precision():
        for at in range(0, len(flat), _BATCH):
            pixels = normalise(torch.from_numpy(flat[at : at + _BATCH])).to(device())
            made: Tensor = placed(pixels.contiguous(memory_format=torch.channels_last))
            parts.append(np.asarray(made.float().cpu().numpy(), np.float32))
            step(len(pixels))
    done = np.concatenate(parts).reshape(*crops.shape[:-2], *parts[0].shape[1:])
    if kept:
        _keep(kept, key, done)
    return done


def _key(trunk: nn.Module, crops: NDArray[np.uint8]) -> str:
    digest = sha256(str(crops.shape).encode() + np.ascontiguousarray(crops).tobytes())
    for name, values in trunk.state_dict().items():
        digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _keep(path: Path, key: str, done: NDArray[np.float32]) -> None:
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("wb") as file:
            np.savez(file, key=np.asarray(key), features=done)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        msg = f"{path} cannot be written ({error.strerror}): make room or choose another folder"
        raise StoreError(msg) from error

"""The classifier in torch on an NVIDIA GPU; torch is imported only where this engine is chosen.

Every run has the same shape, the settings' batch: its kernels are recorded once as a CUDA graph and replayed on a
stream of the engine's own, between page-locked copies in and out. Convolutions work on channels-last values.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zpscope.config.classifiers import CudaClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import Bundle
from zpscope.engines.engine import Tell, entered, entering, in_one_shape, one_line
from zpscope.engines.torch_network import TorchNetwork, open_network
from zpscope.imaging.crop import CROP_PX

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_WARM_RUNS = 3
"""Before recording: torch chooses kernels and makes room in the first runs."""


@dataclass(frozen=True)
class _Lane:
    """Crops and answers in page-locked memory and on the GPU, and the recorded work between them."""

    stream: torch.cuda.Stream
    graph: torch.cuda.CUDAGraph
    crops_host: Tensor
    crops: Tensor
    answers: Tensor
    answers_host: Tensor

    def run(self) -> NDArray[np.float32]:
        """Answer to what lies in `crops_host`."""
        with torch.cuda.stream(self.stream):
            self.crops.copy_(self.crops_host, non_blocking=True)
            self.graph.replay()
            self.answers_host.copy_(self.answers, non_blocking=True)
        self.stream.synchronize()
        return np.asarray(self.answers_host.numpy(), np.float32)


class CudaEngine:
    """Torch on an NVIDIA GPU; see `Engine`."""

    def __init__(self, settings: CudaClassifier, bundle: Bundle, tell: Tell) -> None:
        self._settings = settings
        self._bundle = bundle
        self._tell = tell
        self._lane: _Lane | None = None

    @property
    def runtime(self) -> str:
        """What runs, and on what, in words."""
        return f"cuda torch {torch.__version__} {torch.cuda.get_device_name()} {self._settings.precision}"

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P(ZP-binding) (N,) of crops (N, 128, 128).

        Raises:
            ModelRefused: The crops have another shape or type, the GPU fails, or the model answers with no probability.
        """
        lane = entered(self._lane)
        try:
            return in_one_shape(crops, lane.crops_host.numpy(), lane.run)
        except RuntimeError as error:
            raise _failure(error) from error

    def __enter__(self) -> Self:
        self._tell("building", 0.0)
        with entering(self):
            network = open_network(self._bundle, _DTYPES[self._settings.precision], "cuda")
            self._tell("warming", 0.0)
            try:
                self._lane = _recorded(network, self._settings.batch)
            except RuntimeError as error:
                raise _failure(error) from error
        return self

    def __exit__(self, *exc: object) -> None:
        self._lane = None
        torch.cuda.empty_cache()


def cuda_absence() -> str:
    """Return why torch has no GPU, empty if it has."""
    if torch.cuda.is_available():
        return ""
    return (
        f"torch {torch.__version__} sees no NVIDIA GPU: install the torch made for your driver (pytorch.org)"
    )


def _recorded(network: TorchNetwork, batch: int) -> _Lane:
    """Run a network until it is warm, and record one run."""
    crops_host = torch.zeros((batch, CROP_PX, CROP_PX), dtype=torch.uint8, pin_memory=True)
    answers_host = torch.zeros(batch, dtype=torch.float32, pin_memory=True)
    crops = torch.zeros_like(crops_host, device="cuda")
    new_stream: Callable[[], torch.cuda.Stream] = torch.cuda.Stream  # torch leaves its call untyped
    stream, graph = new_stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        # float32 is float32, and the same kernels are chosen at every start
        stack.enter_context(torch.backends.cudnn.flags(deterministic=True, benchmark=False, allow_tf32=False))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_RUNS):
                network.probability(crops)
        with torch.cuda.graph(graph, stream=stream):
            answers = network.probability(crops)
    return _Lane(stream, graph, crops_host, crops, answers, answers_host)


def _failure(error: RuntimeError) -> ModelRefused:
    return ModelRefused(
        f"the GPU fails ({one_line(error)}): see what nvidia-smi says, or set classifier.runtime to auto"
    )

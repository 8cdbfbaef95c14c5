"""Recorded fields through the very same stages as live ones, in this process, without sockets or store."""

from collections.abc import Callable
from dataclasses import dataclass

from zpscope.config.settings import Settings
from zpscope.daemon.camera_process import Capture
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.scoring import ScoredField, Scorer
from zpscope.drivers.camera import Camera, EndOfStream
from zpscope.engines.engine import Engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.unique import CountedHeads

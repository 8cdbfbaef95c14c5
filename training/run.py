"""A training run's folder: what was trained on what, and everything needed to go on with it or to judge it.

`plan.json` says what was asked for, `crops.csv` which crop lies in which set; both are written once, and a run that
is taken up again must ask for the same. Knows no command line.
"""

import copy
import csv
import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zpscope.config.errors import CommandRefused, StoreError
from zpscope.imaging.crop import PREPROCESSING_HASH
from zpscope.training.crop_set import CropSet, read_crops
from zpscope.training.features import features
from zpscope.training.initial_weights import DRAWN, initialised, settle
from zpscope.training.network import normalise
from zpscope.training.networks import RECIPES, Name, Part, cut
from zpscope.training.sgd import Epoch, Examples, Fit, Schedule, keep, read
from zpscope.training.split import TEST, TRAIN, Protocol
from zpscope.training.views import Changes, views

PLAN, TABLE, NETWORK, OPENED = "plan.json", "crops.csv", "network.pt", "test-opened.jsonl"

_SETTLING_HEADS = 64


@dataclass(frozen=True)
class Plan:
    """What a run was asked for, and what it was given."""

    crops: str
    """Folder of the crop set."""
    digest: str
    """Of the crops, their classes and origins."""
    preprocessing: str
    """Hash of the imaging that cut them."""
    sets: str
    """SHA-256 of the split."""
    duplicates: int
    """Pairs of near-identical crops, kept in one set unless the protocol is `paper`."""
    network: Name
    width: float
    part: Part
    protocol: Protocol
    init: str
    """What the weights began as, in words."""
    init_sha256: str
    init_licence: str
    views: int
    changes: Changes
    """What sets the views of a crop apart."""
    schedule: Schedule
    rates: tuple[float, ...]
    """Learning rates that were tried; the one that does best on the validation set is taken."""
    software: str


class Run:
    """A run folder that was begun."""

    def __init__(self, folder: Path) -> None:
        """Open a run; raise CommandRefused if there is none."""
        self.folder = folder
        try:
            kept = json.loads((folder / PLAN).read_text("utf-8"))
        except (OSError, ValueError) as error:
            msg = f"{folder} holds no training run: make one with zpscope train"
            raise CommandRefused(msg) from error
        self.plan = Plan(**kept | {"schedule": Schedule(**kept["schedule"]), "rates": tuple(kept["rates"])})

    @classmethod
    def begin(
        cls, folder: Path, crops: CropSet, sets: NDArray[np.str_], plan: Plan, network: nn.Sequential
    ) -> "Run":
        """Return the run of a plan in a folder, begun or taken up; raise CommandRefused if another one is there."""
        if (folder / PLAN).exists():
            run = cls(folder)
            if run.plan != plan:
                theirs, ours = asdict(run.plan), asdict(plan)
                other = ", ".join(key for key in ours if ours[key] != theirs[key])
                msg = f"{folder} holds a run with another {other}: choose another --run, or the same settings"
                raise CommandRefused(msg)
            return run
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(("crop", "set"))
                table.writerows(zip(crops.name.tolist(), sets.tolist(), strict=True))
            keep(folder / NETWORK, {"weights": network.state_dict()})
            (folder / f"{PLAN}.new").write_text(json.dumps(asdict(plan), indent=2) + "\n", "utf-8")
            (folder / f"{PLAN}.new").replace(folder / PLAN)
        except OSError as error:
            msg = f"{folder} cannot be written ({error.strerror}): make room or choose another folder"
            raise StoreError(msg) from error
        return cls(folder)

    @cached_property
    def crops(self) -> CropSet:
        """The crops the run was made on; raise CommandRefused if they are others now."""
        crops = read_crops(Path(self.plan.crops), lambda _: None)
        if crops.digest != self.plan.digest:
            msg = f"{self.plan.crops} holds other crops now than the run was made on: put them back"
            raise CommandRefused(msg)
        return crops

    @cached_property
    def sets(self) -> NDArray[np.str_]:
        """(N,) the set of each crop."""
        with (self.folder / TABLE).open(newline="", encoding="utf-8") as file:
            return np.asarray([row["set"] for row in csv.DictReader(file)], np.str_)

    @cached_property
    def network(self) -> nn.Sequential:
        """The network with the weights it began with."""
        network = RECIPES[self.plan.network].make(self.plan.width)
        network.load_state_dict(read(self.folder / NETWORK)["weights"])
        return network

    @property
    def cut(self) -> int:
        """Place of the first layer that is trained."""
        return cut(self.network, self.plan.part)

    def enter(self) -> Callable[[Tensor], Tensor]:
        """Return what makes the input of the trained part: features go in as they are, crops are normalised.

        Their channels lie last: a step then takes 40 % less time on a CPU.
        """
        if self.cut:
            return lambda values: values
        return lambda crops: normalise(crops).contiguous(memory_format=torch.channels_last)

    def examples(self, name: str, step: Callable[[int], object] = bool) -> Examples:
        """Return the inputs of the trained part for one set of crops; those of the test set have one view."""
        chosen = self.crops.only(self.sets == name)
        count = 1 if name == TEST else self.plan.views
        seen = views(chosen.crops, count, self.plan.schedule.seed, self.plan.changes)
        if not self.cut:
            step(len(chosen) * count)
            return Examples(seen, chosen.bound)
        trunk = self.network[: self.cut]
        return Examples(features(trunk, seen, self.folder / f"features-{name}.npz", step), chosen.bound)

    def fresh(self, rate: float) -> Fit:
        """Return a training at one rate that has not begun."""
        schedule = replace(self.plan.schedule, rate=rate)
        return Fit(copy.deepcopy(self.network[self.cut :]), self.enter(), schedule, self.digest)

    def fit(self, rate: float) -> Fit:
        """Return the training at one rate, begun or taken up."""
        fit = self.fresh(rate)
        if self._checkpoint(rate).exists():
            fit.load(self._checkpoint(rate))
        return fit

    def save(self, fit: Fit) -> None:
        """Keep a training."""
        fit.save(self._checkpoint(fit.schedule.rate))

    @property
    def digest(self) -> str:
        """SHA-256 of the plan: of everything a result depends on."""
        return hashlib.sha256((self.folder / PLAN).read_bytes()).hexdigest()

    def best(self) -> tuple[Epoch, float, list[Epoch]]:
        """Return the best epoch, its rate and the epochs of that rate; raise CommandRefused if none has ended."""
        found: list[tuple[Epoch, float, list[Epoch]]] = []
        for rate in self.plan.rates:
            if self._checkpoint(rate).exists():
                epochs = [Epoch(**epoch) for epoch in read(self._checkpoint(rate))["epochs"]]
                found.append((max(epochs, key=lambda epoch: epoch.merit), rate, epochs))
        if not found:
            msg = f"{self.folder} has no trained epoch yet: go on with zpscope train"
            raise CommandRefused(msg)
        return max(found, key=lambda one: one[0].merit)

    def trained(self) -> nn.Sequential:
        """Return the network with the weights that did best on the validation set."""
        _, rate, _ = self.best()
        network = RECIPES[self.plan.network].make(self.plan.width)
        network.load_state_dict(read(self.folder / NETWORK)["weights"])
        network[self.cut :].load_state_dict(read(self._checkpoint(rate))["best"])
        network.eval()
        return network

    def _checkpoint(self, rate: float) -> Path:
        return self.folder / f"checkpoint-{rate:g}.pt"


def software() -> str:
    """Return what a run is made by, in words."""
    return f"zpscope {version('zpscope')}, torch {torch.__version__}, Python {platform.python_version()}"


def begin(
    folder: Path, crops: CropSet, crop_folder: Path, sets: NDArray[np.str_], wanted: dict[str, Any]
) -> Run:
    """Return the run of these crops, split so, with these settings of a `Plan`; see `Run.begin`."""
    network, origin = initialised(
        wanted["network"], wanted["width"], wanted.pop("init"), wanted["schedule"].seed
    )
    if origin.words.endswith(DRAWN) and not (folder / PLAN).exists():
        learned = crops.crops[sets == TRAIN]
        settle(network, learned[:: -(-len(learned) // _SETTLING_HEADS)])
    plan = Plan(
        crops=str(crop_folder),
        digest=crops.digest,
        preprocessing=PREPROCESSING_HASH,
        sets=hashlib.sha256("\n".join(sets.tolist()).encode()).hexdigest(),
        init=origin.words,
        init_sha256=origin.sha256,
        software=software(),
        **wanted,
    )
    return Run.begin(folder, crops, sets, plan, network)

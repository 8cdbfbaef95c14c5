"""`zpscope control`: the self-test on a recorded reference slide, and the chart of the negative controls."""

import argparse
import sys
import time
from pathlib import Path

from zpscope.config.errors import SettingsError, ZpscopeError
from zpscope.config.settings import Place, ReplayCamera, Settings
from zpscope.counting.control import chart_limit, upper_limit
from zpscope.daemon import wire
from zpscope.daemon.controls import controls_of, why_no_answer
from zpscope.daemon.desk import ask
from zpscope.daemon.process import add_settings_arguments, settings_of, start_log
from zpscope.daemon.recorded import score_recorded
from zpscope.daemon.samples import model_of
from zpscope.daemon.store import read_store
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH

HELP = "test this instrument on its reference slide, show its controls"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="test|chart")
    test = actions.add_parser(
        "test", help="score the recorded reference slide: it must give what it gave at first"
    )
    test.add_argument("--operator", required=True, help="who does it")
    test.add_argument(
        "--um-per-px", type=float, metavar="X", help="scale, where the recording does not state it"
    )
    for action in (test, actions.add_parser("chart", help="show the controls of the model in use")):
        add_settings_arguments(action, profile="demo")


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action; a self-test that fails raises ZpscopeError."""
    start_log("control")
    settings = settings_of(arguments)
    return _test(settings, arguments) if arguments.action == "test" else _chart(settings)


def _test(settings: Settings, arguments: argparse.Namespace) -> int:
    folder: Path | None = settings.controls.reference
    if folder is None:
        msg = "there is no reference slide: record one, and set controls.reference to its folder"
        raise SettingsError(msg)
    camera = ReplayCamera(driver="replay", folder=folder, um_per_px=arguments.um_per_px)
    replayed = Settings(camera=camera, place=Place(apart="counted"), classifier=settings.classifier)
    bundle = open_bundle(settings.classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
    with open_engine(settings.classifier, bundle) as engine:
        ledger, _ = score_recorded(replayed, open_camera(camera), engine)
        model = model_of(bundle, engine.runtime)
    words = {
        "operator": arguments.operator,
        "source": str(folder),
        "model": model.sha256,
        "k": str(ledger.k),
        "n": str(ledger.n),
    }
    ask(settings, wire.ControlRequest(action="self_test", words=words))
    with read_store(settings.store.path) as store:
        found = controls_of(store, "self_test", model.sha256)[-1]
    if not found.passed:
        msg = f"the self-test failed: {found.words}"
        raise ZpscopeError(msg)
    sys.stdout.write(f"the self-test passed: {found.words}\n")
    return 0


def _chart(settings: Settings) -> int:
    bundle = open_bundle(settings.classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
    with read_store(settings.store.path) as store:
        negative = controls_of(store, "negative_control", bundle.sha256)
        for one in [*negative, *controls_of(store, "self_test", bundle.sha256)]:
            at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.at_ns // 10**9))
            sys.stdout.write(f"{at}  {one.kind:16} {'passed' if one.passed else 'FAILED'}  {one.words}\n")
        passed = [(one.k, one.n) for one in negative if one.passed]
        heads = sum(n for _, n in passed)
        if heads:
            k = sum(k for k, _ in passed)
            line = 100 * chart_limit(passed, settings.controls.minimum_heads)
            sys.stdout.write(
                f"of all that passed {k} of {heads} heads, {100 * k / heads:.2f} %, at most "
                f"{100 * upper_limit(k, heads):.2f} %; a slide of {settings.controls.minimum_heads} heads is out "
                f"above {min(line, settings.controls.ceiling_percent):.2f} %\n"
            )
        why = why_no_answer(store, settings.controls, bundle.sha256, time.time_ns())
    sys.stdout.write(f"samples get no answer: {why}\n" if why else "the controls allow answers\n")
    return 0

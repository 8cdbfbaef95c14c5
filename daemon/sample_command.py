"""`zpscope sample`: the life of a sample, from a terminal or a barcode scanner."""

import argparse
import sys
import time
from contextlib import suppress
from typing import get_args

from zpscope.config.errors import CommandRefused, PeerRefused, ZpscopeError
from zpscope.config.settings import Preparation, Settings, Stain
from zpscope.daemon import wire
from zpscope.daemon.desk import ask
from zpscope.daemon.listing import summaries, summary_of
from zpscope.daemon.people import read_secret
from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.reviewing import counted_heads
from zpscope.daemon.sockets import command
from zpscope.daemon.store import read_store
from zpscope.daemon.summary import count_text

HELP = "plan, scan, stop, show and list samples"
_POLL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="|".join(_ACTIONS))
    for name, (help_text, *asked) in _ACTIONS.items():
        action = actions.add_parser(name, help=help_text, description=help_text)
        add_settings_arguments(action, profile="demo")
        action.add_argument("--json", action="store_true", help="print JSON, one line a sample")
        for one in asked:
            _ARGUMENTS[one](action)


def _accession(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "accession",
        nargs="?",
        default="",
        help="pseudonymous code of the sample, never a name; without it, a line is read: scan the barcode",
    )


def _sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "accession",
        nargs="?",
        default="",
        metavar="SAMPLE",
        help="accession or id (default: the present one)",
    )


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accession", metavar="SAMPLE", help="accession or id")


def _facts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preparation", choices=get_args(Preparation), help="how the sperm were prepared")
    parser.add_argument("--stain", choices=get_args(Stain))
    parser.add_argument("--objective", help="as it was named to `zpscope calibrate`")
    parser.add_argument(
        "--control",
        action="store_const",
        const="negative_control",
        dest="kind",
        help="it is a slide of sperm that cannot bind",
    )


def _operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operator", help="who does it: initials or a code")


def _head(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--head", metavar="HEAD", help="its name in the list that the command prints without it"
    )
    parser.add_argument(
        "--as", dest="verb", choices=["bound", "unbound", "excluded", "restored"], help="what it is"
    )


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", help="why")


def _signer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--signer", required=True, help="who signs; the secret is asked for, or read from stdin"
    )


def _meaning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--meaning", default="approved", help="what the signature means (default: %(default)s)"
    )
    parser.add_argument("--slide", help="number of the slide, where two persons sign")


def _timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout-s", type=float, default=60.0, metavar="S", help="(default: %(default)s)")


_ARGUMENTS = {
    "accession": _accession,
    "sample": _sample,
    "named": _named,
    "facts": _facts,
    "operator": _operator,
    "timeout": _timeout,
    "head": _head,
    "reason": _reason,
    "signer": _signer,
    "meaning": _meaning,
}
_ACTIONS = {
    "plan": ("write down a sample and its facts", "accession", "facts", "operator"),
    "start": ("scan the first slide: its fields are captured and scored", "accession", "facts", "operator"),
    "next-slide": (
        "end the slide, wait for its last field, and scan the next",
        "sample",
        "operator",
        "timeout",
    ),
    "pause": ("capture nothing for a while; the slide stays open", "operator"),
    "resume": ("go on capturing where it was paused", "operator"),
    "stop": ("end the capture, and wait until every captured field is accounted for", "operator", "timeout"),
    "status": ("show the open sample, or the last one", "sample"),
    "list": ("list every sample in the store",),
    "review": (
        "list the heads that count, or say what one of them is",
        "named",
        "head",
        "reason",
        "operator",
    ),
    "sign": ("sign a result; the identity is entered anew", "named", "signer", "meaning"),
    "amend": ("reopen a signed sample", "named", "signer", "reason"),
}
_WORDS = (
    *("preparation", "stain", "objective", "kind", "operator"),
    *("head", "verb", "reason", "signer", "meaning", "slide"),
)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action; what needs no camera is done in the store when no inference process answers."""
    settings = settings_of(arguments)
    given = vars(arguments)
    words = {name: given[name] for name in _WORDS if given.get(name)}
    accession: str = given.get("accession", "")
    match arguments.action:
        case "plan" | "start":
            request = wire.ControlRequest(
                action=arguments.action, accession=accession or _scanned(), words=words
            )
            shown = (
                ask(settings, request)
                if arguments.action == "plan"
                else command(settings.wire.control, request)
            )
        case "next-slide":
            accession = _id_of(settings, accession)
            with suppress(CommandRefused):  # no slide is open: the one before was stopped
                _stop(settings, words, arguments.timeout_s)
            request = wire.ControlRequest(action="next_slide", accession=accession, words=words)
            shown = command(settings.wire.control, request)
        case "stop":
            shown = _stop(settings, words, arguments.timeout_s)
        case "review" if not given["head"]:
            return _list_heads(settings, accession)
        case "review" | "sign" | "amend":
            if arguments.action != "review":
                words["secret"] = read_secret(f"secret of {words['signer']}: ")
            shown = ask(
                settings, wire.ControlRequest(action=arguments.action, accession=accession, words=words)
            )
        case "pause" | "resume":
            shown = command(settings.wire.control, wire.ControlRequest(action=arguments.action, words=words))
        case action:
            shown = _look(settings, action, accession)
    for sample in shown:
        sys.stdout.write(wire.to_json(sample) + "\n" if arguments.json else _text(sample))
    return 0


def _scanned() -> str:
    """Return a line as a barcode scanner types it."""
    if sys.stdin.isatty():
        sys.stderr.write("accession: ")
    return sys.stdin.readline().strip()


def _list_heads(settings: Settings, accession: str) -> int:
    with read_store(settings.store.path) as store:
        for head in counted_heads(store, store.sample(accession)):
            was = f" (machine: {head.machine})" * (head.now != head.machine)
            sys.stdout.write(
                f"{head.name:10} slide {head.slide}  p {head.p:.3f}  {head.now}{was}{' reviewed' * head.reviewed}\n"
            )
    return 0


def _id_of(settings: Settings, name: str) -> str:
    """Return the id of the open sample, if it has this name, or of the only one that has; empty for no name.

    Raise CommandRefused if it is not one sample: before the open slide is ended for it.
    """
    if not name:
        return ""
    for shown in command(settings.wire.control, wire.ControlRequest(action="status")):
        if shown.life == "scanning" and name in (shown.accession, shown.sample):
            return shown.sample
    with read_store(settings.store.path) as store:
        return store.sample(name).id


def _stop(settings: Settings, words: dict[str, str], timeout_s: float) -> list[wire.SampleSummary]:
    deadline_s = time.monotonic() + timeout_s
    shown = command(settings.wire.control, wire.ControlRequest(action="stop", words=words))
    while shown[0].state == "closing":
        if time.monotonic() > deadline_s:
            msg = (
                f"{shown[0].in_flight} captured fields are still being scored: "
                "look again with `zpscope sample status`"
            )
            raise ZpscopeError(msg)
        time.sleep(_POLL_S)
        shown = command(settings.wire.control, wire.ControlRequest(action="status"))
    return shown


def _look(settings: Settings, action: str, accession: str) -> list[wire.SampleSummary]:
    if action == "status" and not accession:
        with suppress(PeerRefused):
            if shown := command(settings.wire.control, wire.ControlRequest(action="status")):
                return shown
    with read_store(settings.store.path) as store:
        if accession:
            return [summary_of(store, store.sample(accession))]
        every = summaries(store)
    return every if action == "list" else every[-1:]


def _text(sample: wire.SampleSummary) -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(sample.started_ns // 10**9))
    return (
        f"{sample.accession}  {sample.sample}  {sample.life.replace('_', ' ')}, "
        f"slide {len(sample.slides)} {sample.state}, started {started}\n{count_text(sample)}"
    )

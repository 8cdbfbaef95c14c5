"""`zpscope report`: a sample as a page, a PDF, tables and FHIR."""

import argparse
import importlib
import sys
from pathlib import Path

from zpscope.config.errors import CommandRefused, SettingsError
from zpscope.config.notice import NOTICE
from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.store import read_store
from zpscope.report.fhir import fhir_json
from zpscope.report.page import page
from zpscope.report.read import read_evidence
from zpscope.report.tables import heads_csv, result_json

HELP = "write the report of a sample: HTML, PDF, CSV of heads, JSON and FHIR"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "sample", metavar="SAMPLE", help="id or accession, as `zpscope sample list` shows them"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write the files to")
    parser.add_argument(
        "--no-pdf", action="store_true", help="leave out the PDF, which needs the extra `report`"
    )
    add_settings_arguments(parser, profile="demo")


def run(arguments: argparse.Namespace) -> int:
    """Write the files, and their names."""
    with read_store(settings_of(arguments).store.path) as store, store.snapshot():
        evidence = read_evidence(store, arguments.sample)
    html = page(evidence)
    written = {
        "report.html": html.encode(),
        "heads.csv": heads_csv(evidence).encode(),
        "result.json": result_json(evidence).encode(),
        "fhir.json": fhir_json(evidence).encode(),
    }
    if not arguments.no_pdf:
        written["report.pdf"] = _pdf(html)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, content in written.items():
            (arguments.out / name).write_bytes(content)
    except OSError as error:
        msg = f"the report cannot be written to {arguments.out} ({error.strerror}): give another folder with --out"
        raise CommandRefused(msg) from error
    sys.stdout.write("".join(f"{arguments.out / name}\n" for name in written) + f"{NOTICE}\n")
    return 0


def _pdf(html: str) -> bytes:
    """Return the page as PDF; raise SettingsError if what that needs is not there."""
    try:
        pdf = importlib.import_module("zpscope.report.pdf").pdf
    except ModuleNotFoundError as error:
        msg = f"a PDF needs {error.name}, which is not installed: pip install 'zpscope[report]', or say --no-pdf"
        raise SettingsError(msg) from error
    except OSError as error:
        msg = (
            "a PDF needs the library Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0, or say --no-pdf"
        )
        raise SettingsError(msg) from error
    made: bytes = pdf(html)
    return made

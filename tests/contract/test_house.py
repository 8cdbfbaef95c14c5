import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FOLDERS = set(PROJECT["tool"]["setuptools"]["package-dir"].values())


def test_every_folder_of_modules_is_installed_linked_and_checked() -> None:
    written = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests", "benchmarks"}
    assert written <= FOLDERS
    packages = {f"zpscope.{folder}" for folder in FOLDERS}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == packages
    assert set(PROJECT["tool"]["mypy"]["files"]) == FOLDERS | {"benchmarks", "tests"}
    assert set(PROJECT["tool"]["pyright"]["include"]) == FOLDERS | {"benchmarks", "tests"}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    linked = re.search(r"^FOLDERS := (.*)$", makefile, re.MULTILINE)
    assert linked
    assert set(linked[1].split()) == FOLDERS


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_every_folder_is_typed_and_flat(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()
    assert not (ROOT / folder / "__init__.py").exists()
    assert not [path for path in (ROOT / folder).glob("*/**/*.py") if "node_modules" not in path.parts]


def test_every_contract_of_import_linter_speaks_of_every_folder() -> None:
    packages = {f"zpscope.{folder}" for folder in FOLDERS}
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            named = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
            assert named == packages
        elif contract["forbidden_modules"] == ["torch"]:
            assert set(contract["source_modules"]) == packages - {"zpscope.training"}
        elif contract["forbidden_modules"] != ["zpscope.daemon"]:
            assert set(contract["source_modules"]) == packages, contract["name"]


def test_make_says_what_it_can_do() -> None:
    run = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    for target in ("demo", "test", "check", "soak", "schema", "clean"):
        assert f"make {target} " in run.stdout


def test_a_python_that_is_too_old_is_refused_in_words(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    run = subprocess.run(
        ["make", "-C", str(ROOT), "links", f"PYTHON={old}", f"VENV={tmp_path}/venv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert (
        f"{old} does not run, or is older than Python 3.11: name another one with PYTHON=/path/to/python3"
        in run.stdout
    )


def test_ci_runs_the_readme_s_test_command() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == "exec make test"
    assert "make test" in (ROOT / "README.md").read_text("utf-8")

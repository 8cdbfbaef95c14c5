"""What the base install takes on disk.

    python benchmarks/install.py

Makes a fresh virtual environment, installs the base package into it as a user would, and adds up the files.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print one line."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", str(ROOT)], check=True)
        blocks = sum(path.lstat().st_blocks for path in Path(folder).rglob("*"))
        torch = "with" if list(Path(folder).glob("lib/*/site-packages/torch")) else "without"
    sys.stdout.write(f"base install: {blocks * 512 / 1e6:.0f} MB on disk, pip included, {torch} torch\n")


if __name__ == "__main__":
    main()

"""What was reserved once stays resident, whichever thread needs it next."""

import ctypes
import subprocess
import sys

import pytest

_SCRIPT = """
import threading
import numpy as np, psutil
from zpscope.daemon.memory import keep_memory, reserve
def resident(): return psutil.Process().memory_info().rss
keep_memory()
before = resident()
reserve([4 << 20] * 10)
kept = resident()
def work():
    for _ in range(20):
        held = [np.ones(3 << 20, np.uint8) for _ in range(10)]
        held.clear()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(kept - before, resident() - kept)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_what_was_reserved_is_kept_and_used_by_every_thread() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    kept, more = map(int, done.stdout.split())
    assert kept > 36 << 20
    assert abs(more) < 4 << 20

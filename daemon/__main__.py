"""`python -m zpscope.daemon` is `zpscope`."""

import sys

from zpscope.daemon.command import main

sys.exit(main())

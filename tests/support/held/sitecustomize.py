"""Has the device of a worker's process that finds this on its path be held by tests."""

import os
import sys

if "BATCHSCRIBE_DEVICE" in os.environ and "deployments.worker.child" in sys.orig_argv:
    import held_device  # noqa: F401 - it takes the place of the engine

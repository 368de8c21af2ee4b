"""`python -m pigeonhole.serving CONFIG.json`: a server process, alone or under a supervisor."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main() -> int:
    """Serves what the config says; the exit code tells what went wrong, as everywhere."""
    # A supervisor may have blocked signals for itself, and children inherit that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # numpy's linear algebra would keep a thread for each core and fight the event loop for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from pigeonhole.core.errors import PigeonholeError
    from pigeonhole.serving.config import ServingConfig
    from pigeonhole.serving.server import announce, run

    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m pigeonhole.serving CONFIG.json\n")
        return 2
    config = None
    try:
        config = ServingConfig.read(Path(sys.argv[1]))
        return run(config)
    except PigeonholeError as error:
        sys.stderr.write(f"error: {error}\n")
        news = {"received": error.received, "accepted": error.accepted, "remedy": error.remedy}
        announce(config.status_fd if config else None, {"ready": False, **news})
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())

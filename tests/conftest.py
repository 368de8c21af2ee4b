"""What all tests need of the process that runs them."""

from __future__ import annotations

import signal

# A shell that runs this in the background lets it ignore Ctrl-C, and so all the programs that it starts: those that
# are interrupted by tests would go on, and be waited for.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

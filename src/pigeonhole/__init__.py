"""pigeonhole: labelled images in, a monitored REST endpoint out, and round again when the world drifts.

Everything the command line does is one call from here, with the same names and results. The names are
loaded on first use (PEP 562), so `import pigeonhole` loads no framework.
"""

from __future__ import annotations

__version__ = "0.1.0"

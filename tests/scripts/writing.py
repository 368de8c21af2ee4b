"""Folders with a score.py, written by tests."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pigeonhole import scripts

EXAMPLE = Path(__file__).parent / "example"
PLAIN = """
    import json, os, signal, sys, time

    def init():
        pass

    def run(data):
        what = json.loads(data)
        if what == "none":
            return None
        if what == "text":
            return json.dumps([1, 2])
        if what == "raise":
            raise ValueError("the script broke")
        if what == "set":
            return {1, 2}
        if what == "sleep":
            time.sleep(3600)
        if what == "exit":
            sys.exit(5)
        if what == "end":
            os._exit(5)
        if what == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "pid":
            return os.getpid()
        if what == "environment":
            return dict(os.environ)
        if what == "print":
            print("a word from the script")
            print("and one of trouble", file=sys.stderr)
        return what
"""


def write_script(folder, code=PLAIN, **files):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "score.py").write_text(textwrap.dedent(code))
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def register(folder, staged):
    """The script as it stands in the registry, without one."""
    staged.mkdir(parents=True)
    scripts.write(folder, staged)
    return staged

"""Runs a package's folder with the commands that it names itself, and asks the server that comes of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager

from tests.cli.conftest import free_port


def readme_blocks(folder):
    """The lines of each shell block of the README, in their order."""
    return [
        block.splitlines() for block in re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    ]


def container_commands(folder):
    """What the image runs, and what says whether it is well."""
    text = (folder / "Dockerfile").read_text()
    (health,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
    (serve,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    return json.loads(serve), json.loads(health)


def make_key(folder):
    """A key and what the server is told of it, by the README's own recipe."""
    script = "\n".join([*readme_blocks(folder)[2], 'printf "%s %s" "$KEY" "$PIGEONHOLE_KEY_HASHES"'])
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()


class Served:
    """A server that runs, and its port."""

    def __init__(self, process, port, environment):
        self.process, self.port, self.environment = process, port, environment

    def score(self, body, key=None):
        """The status and the answer."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/score", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@contextmanager
def served(command, folder, **environment):
    """The server that `command` starts inside `folder`, on a free port, once it says that it is ready."""
    port = free_port()
    process = subprocess.Popen(
        [str(port) if word == "8080" else word for word in command],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    with process:
        try:
            for line in process.stderr:
                said.append(line)
                if " ready at " in line:
                    break
            else:
                raise AssertionError("".join(said))
            yield Served(process, port, environment)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def printed_commands(folder):
    """The two commands that run it without Docker."""
    return [shlex.split(line) for line in readme_blocks(folder)[0]]


def with_path(*folders, **environment):
    """This environment, with programs from `folders` first, and none of its own settings for pigeonhole."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIGEONHOLE_", "PYTHON"))}
    return {**inherited, "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]), **environment}

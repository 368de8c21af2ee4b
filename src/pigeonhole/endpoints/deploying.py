"""`deploy`: asks for a deployment, sees that a supervisor is there to bring it about, and waits for the result."""

from __future__ import annotations

import dataclasses
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pigeonhole.bundle import read_manifest
from pigeonhole.core.database import Database
from pigeonhole.core.errors import NotFoundError, PigeonholeError, UsageError, listing
from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace, check_name
from pigeonhole.endpoints import records
from pigeonhole.endpoints.logfile import folder_of, rotate, tail
from pigeonhole.endpoints.processes import Identity, end, is_alive, send
from pigeonhole.endpoints.records import Wish
from pigeonhole.endpoints.states import HEALTHY, TRANSITIONING
from pigeonhole.endpoints.status import EndpointStatus, show
from pigeonhole.serving import hash_key
from pigeonhole.serving.auth import is_loopback

_LOOK_S = 0.02
_END_S = 12.0


def deploy(
    workspace: Workspace,
    *,
    endpoint: str,
    bundle_folder: Path,
    model: str,
    deployment: str = "blue",
    host: str = "127.0.0.1",
    port: int = 8080,
    cpu: float = 1.0,
    memory_gib: float = 1.0,
    keys: Sequence[str] | None = None,
    wait_s: float = 30.0,
) -> EndpointStatus:
    """Puts a model behind an endpoint, in processes that outlive the caller.

    An endpoint that answers goes on answering with the model it has until the new one is ready, and keeps it if the
    new one never is. Asking again for what answers already changes nothing.

    Args:
        workspace: where the endpoint is recorded.
        endpoint: its name; made if new.
        bundle_folder: what to serve.
        model: the model version, such as `digits:3`.
        deployment: what to call this deployment.
        host: the address to listen on. Beyond this machine a key is needed, and one is made if none is there.
        port: the port; 0 means any free one, or the one the endpoint has.
        cpu: cores asked for; whole ones become threads of the model.
        memory_gib: memory asked for, GiB; a server that uses more is started again.
        keys: the keys to accept from now on; `None` keeps those there are, or makes one where one is needed.
        wait_s: how long to wait for the deployment to come to rest; it goes on coming after that.

    Returns:
        The endpoint. `deployed` says whether what was asked for answers; if not, `reason` says why.

    Raises:
        UsageError: a name or number is unfit.
        NotFoundError: there is no bundle.
        DataError: the bundle has no manifest that can be read.
    """
    _check(endpoint, deployment, port, cpu, memory_gib, keys)
    folder = folder_of(workspace, endpoint)
    wish = Wish(
        deployment=deployment,
        model=model,
        bundle_folder=str(Path(bundle_folder).resolve()),
        bundle_sha256=str(read_manifest(Path(bundle_folder))["sha256"]),
        host=host,
        port=port,
        cpu=float(cpu),
        memory_gib=float(memory_gib),
    )
    database = records.declare(workspace.database)
    folder.mkdir(exist_ok=True)
    with exclusive(folder / "deploy.lock", f"endpoint {endpoint}", wait=True):
        wish = _settle_port(database, endpoint, wish)
        hashes, new_key = _keys(database, endpoint, host, keys)
        if keys is None and not new_key and _is_there(workspace, database, endpoint, wish):
            return dataclasses.replace(show(workspace, endpoint), unchanged=True)
        generation, supervisor = records.ask(database, endpoint, wish, hashes)
        if supervisor and is_alive(supervisor):
            send(supervisor, signal.SIGHUP)
        else:
            _end_orphans(database, endpoint)
            _start_supervisor(workspace.database_url, endpoint, folder)
    state = _wait(database, endpoint, generation, wait_s)
    return dataclasses.replace(show(workspace, endpoint), key=new_key, deployed=state == HEALTHY)


def _check(
    endpoint: str, deployment: str, port: int, cpu: float, memory_gib: float, keys: Sequence[str] | None
) -> None:
    check_name(endpoint, "endpoint")
    check_name(deployment, "deployment")
    problems = []
    if not 0 <= port <= 65535:
        problems.append(f"port {port}, not from 0 to 65535")
    if not cpu > 0:
        problems.append(f"{cpu:g} cores, not above 0")
    if not memory_gib > 0:
        problems.append(f"{memory_gib:g} GiB of memory, not above 0")
    if keys is not None and any(len(key) < 8 or not key.isascii() or " " in key for key in keys):
        problems.append("a key of fewer than 8 characters, or with spaces or other than ASCII in it")
    if problems:
        raise UsageError(
            f"the deployment:\n{listing(problems)}", "values in their ranges", "correct the options named above"
        )


def _settle_port(database: Database, name: str, wish: Wish) -> Wish:
    """Port 0 means the endpoint's own port where it has one."""
    if wish.port:
        return wish
    live = [row for row in records.deployments(database, name) if row["live"] and row["host"] == wish.host]
    return dataclasses.replace(wish, port=live[-1]["port"]) if live else wish


def _keys(database: Database, name: str, host: str, keys: Sequence[str] | None) -> tuple[list[str], str | None]:
    """The hashes of the keys to accept, and the key itself if it is made here."""
    if keys:
        return [hash_key(key) for key in keys], None
    row = records.endpoint(database, name)
    kept: list[str] = json.loads(row["key_hashes"]) if row and keys is None else []
    if kept or is_loopback(host):
        return kept, None
    key = secrets.token_urlsafe(32)
    return [hash_key(key)], key


def _is_there(workspace: Workspace, database: Database, name: str, wish: Wish) -> bool:
    rows = records.deployments(database, name)
    if not rows or show(workspace, name).state != HEALTHY:
        return False
    newest = rows[-1]
    wanted = dataclasses.asdict(wish)
    return bool(newest["live"]) and all(newest[key] == value for key, value in wanted.items())


def _end_orphans(database: Database, name: str) -> None:
    """Ends servers whose supervisor was killed: they hold the port, and nobody would look after them."""
    for row in records.deployments(database, name):
        server = Identity.parse(row["server"])
        if server:
            end(server, _END_S)
    newest = records.endpoint(database, name)
    if newest:
        records.end_others(database, name, newest["generation"])


def _start_supervisor(database_url: str, name: str, folder: Path) -> None:
    rotate(folder / "log.txt")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pigeonhole.endpoints", name, str(folder)],
        input=database_url,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        log = "\n".join([done.stderr.strip(), *tail(folder / "log.txt", 15)]).strip()
        raise PigeonholeError(
            f"the supervisor of the endpoint {name} did not start:\n{log}", "", "report this as a bug, with these lines"
        )


def _wait(database: Database, name: str, generation: int, wait_s: float) -> str:
    """The deployment's state once it has come to rest, or after `wait_s`."""
    end_s = time.perf_counter() + wait_s
    while True:
        rows = database.execute(
            "SELECT state, ended_at FROM endpoint_deployments WHERE endpoint = ? AND generation = ?", (name, generation)
        )
        if not rows or rows[0]["ended_at"]:
            raise NotFoundError(
                f"the deployment {generation} of the endpoint {name}, which somebody else stopped or replaced",
                "one deployment at a time",
                f"pigeonhole endpoints show {name}",
            )
        state = str(rows[0]["state"])
        if state != TRANSITIONING or time.perf_counter() > end_s:
            return state
        time.sleep(_LOOK_S)

"""The process around the application: socket, warm-up, signals, and telling whoever started it when it is ready."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import math
import os
import signal
import socket
import sys
import time
import uuid
import warnings
from types import FrameType
from typing import Any, cast

import uvicorn

from pigeonhole import scripts
from pigeonhole.bundle import Bundle, load
from pigeonhole.images import Shape
from pigeonhole.predictions import PredictionLog
from pigeonhole.predictions.retention import LIMIT_BYTES
from pigeonhole.predictions.retention import Limits as ImageLimits
from pigeonhole.serving import memory
from pigeonhole.serving.app import App
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.connection import Connection
from pigeonhole.serving.deployed import Answering, Deployed
from pigeonhole.serving.listening import BACKLOG, listen
from pigeonhole.serving.scripted.deployment import NO_IMAGE, Scripted
from pigeonhole.serving.scripted.news import ScriptNews
from pigeonhole.serving.tls import Certificate, files

logger = logging.getLogger("pigeonhole.serving")
INTERRUPTED = 130
# Another process takes over the same socket: this one ends once nobody holds a connection to it any more.
HAND_OVER = signal.SIGUSR1
# Another process has come to share the work: half of the connections to this one end, each with an answer.
SHED = signal.SIGUSR2
GRACE_S = 0.2
IDLE_S = 75.0
# uvicorn ticks ten times a second.
LOOK_TICKS, CERTIFICATE_TICKS = 2, 10
LOOK_S = 0.1


def run(config: ServingConfig) -> int:
    """Serves until SIGTERM or SIGINT, then answers what is under way and returns.

    Returns:
        0 after SIGTERM, 130 after SIGINT (Ctrl-C).

    Raises:
        ConflictError: the port is taken.
        UsageError: this machine has no such address, the port is not allowed, or the files of TLS do not serve.
        DataError: the bundle is damaged or cannot be run.
        GateError: it does not reproduce its probe.
    """
    started = time.perf_counter()
    memory.give_back()
    _log_to_stderr()
    told = files(config.tls_certificate, config.tls_key)
    certificate = Certificate(told) if told else None
    inherited = config.socket_fd
    listener = listen(config.host, config.port) if inherited is None else socket.socket(fileno=inherited)
    deployments = [_prepare(config, told) for told in config.deployments]
    app = App(config, deployments, uuid.uuid4().hex[:12])
    server = _Server(app, config, listener, started, certificate)
    # What start-up made lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    previous = {number: signal.signal(number, _leave_to_the_server) for number in (signal.SIGTERM, signal.SIGINT)}
    previous[HAND_OVER] = signal.signal(HAND_OVER, server.hand_over)
    previous[SHED] = signal.signal(SHED, server.shed)
    try:
        server.run(sockets=[listener, *([] if config.probe_fd is None else [socket.socket(fileno=config.probe_fd)])])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        app.close()
        for deployment in deployments:
            deployment.close()
    logger.info("stopped")
    return INTERRUPTED if server.ended_by == signal.SIGINT else 0


def _log_to_stderr() -> None:
    """Lines with times on stderr, unless the program that embeds the server has arranged its own."""
    if not logging.getLogger().handlers:
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%FT%T%z"
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)


def warm_up(bundle: Bundle) -> float:
    """Reproduces the probe, so that a server that is ready is right; the seconds one image takes.

    Raises:
        GateError: the outputs differ.
    """
    bundle.check_probe()
    started = time.perf_counter()
    bundle.predict(bundle.probe_images_NHWC)
    return (time.perf_counter() - started) / len(bundle.probe_images_NHWC)


def _prepare(config: ServingConfig, told: ServedDeployment) -> Answering:
    if len(config.deployments) > 1:
        # Said before it is tried: whatever ends the process in between, a supervisor knows which deployment it was.
        announce(config.status_fd, {"loading": told.name})
    if scripts.is_script(told.bundle_folder):
        script = scripts.load(told.bundle_folder)
        scripted = Scripted(told, script, _open_log(config, told, script.sha256, (), NO_IMAGE), config)
        scripted.runner.start()
        return scripted
    bundle = load(told.bundle_folder, threads=told.threads)
    seconds_per_image = warm_up(bundle)
    log = _open_log(config, told, bundle.sha256, bundle.class_names, bundle.shape_HWC)
    return Deployed(told, bundle, log, seconds_per_image, config)


def _open_log(
    config: ServingConfig, told: ServedDeployment, sha256: str, class_names: tuple[str, ...], shape_HWC: Shape
) -> PredictionLog | None:
    if config.database_url is None or config.endpoint is None:
        return None
    return PredictionLog(
        config.database_url,
        config.endpoint,
        deployment=told.name,
        model=told.model_name,
        bundle_sha256=sha256,
        class_names=class_names,
        shape_HWC=shape_HWC,
        log_images=told.log_images,
        image_limits=ImageLimits(
            LIMIT_BYTES if told.limits.max_mib is None else int(told.limits.max_mib * (1 << 20)), told.limits.days
        ),
    )


def _leave_to_the_server(number: int, frame: FrameType | None) -> None:
    """Nothing is left to do: uvicorn raises the signal again once it has drained."""


class _Server(uvicorn.Server):
    def __init__(
        self,
        app: App,
        config: ServingConfig,
        listener: socket.socket,
        started: float,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                cast("Any", app),  # no ASGI application: `Connection` hands it whole requests
                http=Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=math.ceil(config.drain_s),
            )
        )
        self._app = app
        self._serving = config
        self._started_at = started
        self._listener = listener
        self._certificate = certificate
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said_goodbye = False
        self._scripts = [ScriptNews(one) for one in app.scripts]
        app.scorer.attend(self.server_state.connections)
        self.ended_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn would speak TLS on all sockets, and wait a minute for a client that does not.
        await super().startup([])
        self._loop = asyncio.get_running_loop()
        for each in sockets or ():
            self.servers.append(await self._accept_from(each))
        self._app.pages.ready = True
        self._app.meter.asked["pigeonhole_connections"] = lambda: len(self.server_state.connections)
        address = self._listener.getsockname()
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        seconds = time.perf_counter() - self._started_at
        scheme = "https" if self._certificate else "http"
        logger.info("%s ready at %s://%s:%d after %.2f s", _shown(self._serving), scheme, host, address[1], seconds)
        announce(self._serving.status_fd, {"ready": True, "port": address[1], "seconds": round(seconds, 3)})

    async def _accept_from(self, each: socket.socket) -> asyncio.Server:
        tls = self._certificate.context if self._certificate and each is self._listener else None
        limit_s = self._serving.request_timeout_s if tls else None
        return await asyncio.get_running_loop().create_server(
            lambda: Connection(self.config, self.server_state, None),
            sock=each,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=limit_s,
        )

    async def on_tick(self, counter: int) -> bool:
        self._app.meter.keep_up()
        if self._certificate and counter % CERTIFICATE_TICKS == 0:
            self._certificate.look()
        if counter % LOOK_TICKS == 0:
            now_s = time.monotonic()
            for connection in list(self.server_state.connections):
                self._look(cast("Connection", connection), now_s)
            self._tell_of_scripts()
        return await super().on_tick(counter)

    def _tell_of_scripts(self) -> None:
        for script in self._scripts:
            news = script.now()
            if news != script.told and not self._said_goodbye and announce(self._serving.status_fd, news):
                script.told = news

    def _look(self, connection: Connection, now_s: float) -> None:
        try:
            connection.look(now_s, IDLE_S)
        except Exception:  # one connection must not end the server
            logger.exception("a connection failed")
            connection.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.pages.ready = False
        self.ended_by = sig
        super().handle_exit(sig, frame)
        if self._loop:
            # uvicorn looks at its flag ten times a second; a successor on the same socket should not wait for that.
            self._loop.call_soon_threadsafe(self._stop_accepting)

    def hand_over(self, _number: int, _frame: FrameType | None) -> None:
        """Accepts nothing more, answers what still comes through the connections there are, and ends each with that.

        A client may send its next request at any moment: closing an idle connection could lose it. So an idle one is
        closed only after `drain_s`; SIGTERM shortens that.
        """
        self._app.pages.ready = False
        if self._loop:
            end = time.perf_counter() + self._serving.drain_s
            self._loop.call_soon_threadsafe(self._stop_accepting)
            self._loop.call_soon_threadsafe(self._loop.call_later, LOOK_S, self._end_when_idle, end)

    def shed(self, _number: int, _frame: FrameType | None) -> None:
        """Ends half of the connections, each with its next answer: clients that make a new one come to others too."""
        if self._loop:
            self._loop.call_soon_threadsafe(lambda: self._app.shed(len(self.server_state.connections) // 2))

    def _end_when_idle(self, end: float) -> None:
        if self._loop and self.server_state.connections and time.perf_counter() < end:
            self._loop.call_later(LOOK_S, self._end_when_idle, end)
        else:
            self.should_exit = True

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()
        self._listener.close()
        if self._serving.status_fd is not None and not self._said_goodbye:
            self._said_goodbye = True
            os.close(self._serving.status_fd)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A connection accepted a moment ago has its request still under way: closing it now would lose that.
        await asyncio.sleep(GRACE_S)
        await super().shutdown(sockets)
        # Who has not sent the rest of a request by now is let go; the loop does not end while a connection is open.
        for connection in list(self.server_state.connections):
            cast("Connection", connection).abort()
        # Who never ended the greeting of TLS is known to the loop alone, which ends it, and warns of it.
        warnings.filterwarnings("ignore", "unclosed resource", ResourceWarning)
        await asyncio.sleep(0)


def _shown(config: ServingConfig) -> str:
    """`digits:3`; of several deployments `digits:3 (90%) and digits:4 (10%)`."""
    if len(config.deployments) == 1:
        return config.deployments[0].model_name
    return " and ".join(f"{told.model_name} ({told.traffic}%)" for told in config.deployments)


def announce(status_fd: int | None, news: dict[str, object]) -> bool:
    """A JSON line to whoever started the process. The pipe's end later tells that nothing is accepted any more.

    Returns:
        False where whoever it is has yet to read what was told before: a server does not wait for that.
    """
    if status_fd is None:
        return True
    try:
        os.write(status_fd, (json.dumps(news) + "\n").encode())
    except BlockingIOError:
        return False
    except BrokenPipeError:
        logger.warning("nobody listens for the news any more")
    return True

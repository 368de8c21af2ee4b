"""`serve`: one bundle over HTTP in the foreground, until a signal ends it."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import serving
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.bundles import bundle_folder


def serve(
    model: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    key: str | None = None,
    workspace: Workspace | str | Path | None = None,
) -> int:
    """Answers requests until SIGINT or SIGTERM. The folder of a bundle needs no workspace.

    Args:
        model: a registered model, or the folder of a bundle.
        host: the address to listen on; off loopback a key is wanted.
        port: the port to listen on.
        key: what requests must carry as `Authorization: Bearer KEY`.
        workspace: where the model is registered.

    Returns:
        0 after SIGTERM, 130 after Ctrl-C.

    Raises:
        UsageError: the port is taken, or the address is off loopback and there is no key.
    """
    folder, name = bundle_folder(model, workspace)
    hashes = (serving.hash_key(key),) if key else ()
    return serving.run(serving.ServingConfig.of_bundle(folder, model=name, host=host, port=port, key_hashes=hashes))

"""`deploy`, `serve`, `predict`, `monitor`, and the noun `endpoints`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli import endpoint_changes, prediction_log
from pigeonhole.cli.endpoint_changes import finish, print_status
from pigeonhole.cli.options import EndpointName, Json, WorkspaceFolder, example
from pigeonhole.cli.output import interval, percent, print_facts, print_json, print_table, print_text, suggest

ModelOrBundle = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model (digits@champion, digits:3), or the folder of a bundle.")
]
Host = Annotated[str, typer.Option(help="The address to listen on; off loopback a key is wanted.")]
Port = Annotated[int, typer.Option(help="The port to listen on; 0 for any free one.", min=0, max=65535)]
TlsCertificate = Annotated[
    str | None, typer.Option(metavar="FILE", help="Answer by HTTPS with this certificate (PEM, chain behind it).")
]
TlsKey = Annotated[str | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM, no password).")]
endpoints = typer.Typer(help="Look at endpoints, change them and stop them.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this file's commands to the program."""
    app.command(epilog=example("pigeonhole deploy digits@champion --endpoint digits --port 8080"))(deploy)
    app.command(epilog=example("pigeonhole serve digits@champion --port 8081"))(serve)
    app.command(epilog=example("pigeonhole predict digits@champion seven.png"))(predict)
    app.command(epilog=example("pigeonhole monitor digits"))(monitor)
    endpoints.command("list", epilog=example("pigeonhole endpoints list"))(list_)
    endpoints.command("show", epilog=example("pigeonhole endpoints show digits"))(show)
    endpoints.command("logs", epilog=example("pigeonhole endpoints logs digits --lines 20"))(logs)
    endpoint_changes.add_to(endpoints)
    endpoints.command("stop", epilog=example("pigeonhole endpoints stop digits"))(stop)
    prediction_log.add_to(endpoints)
    app.add_typer(endpoints, name="endpoints")


def deploy(
    model: ModelOrBundle,
    endpoint: Annotated[str, typer.Option(help="The endpoint's name.")],
    port: Annotated[
        int | None,
        typer.Option(help="The port; 0 for any free one. Default: the endpoint's, or 8080.", min=0, max=65535),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="The address; off loopback a key is wanted. Default: the endpoint's."),
    ] = None,
    cpu: Annotated[float, typer.Option(help="Processor cores asked for.", min=0.1)] = 1.0,
    memory: Annotated[float, typer.Option(help="Memory asked for, in GiB.", min=0.1)] = 1.0,
    deployment: Annotated[
        str, typer.Option(help="The deployment's name; one of that name is replaced, without losing a request.")
    ] = "blue",
    traffic: Annotated[
        str | None,
        typer.Option(metavar="blue=90,green=10", help="Percent by deployment. Default: nothing beside others."),
    ] = None,
    key: Annotated[str | None, typer.Option(help="The key that requests must carry.", envvar="PIGEONHOLE_KEY")] = None,
    image_log: Annotated[
        bool, typer.Option("--image-log/--no-image-log", help="Keep the images in the prediction log.")
    ] = True,
    workers: Annotated[
        str | None, typer.Option(metavar="N|1:N", help="Server processes; 1:4 is one, and up to four if requests wait.")
    ] = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A limit: request_settings.request_timeout_ms, .max_concurrent_requests_per_instance or"
            " .max_queue_wait_ms; image_log.max_mib or .days. Repeatable.",
        ),
    ] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Put a model version behind an endpoint, in the background: as its first deployment, or beside the others."""
    from pigeonhole.core.spec import parse_settings
    from pigeonhole.workflows.deploy import deploy as run
    from pigeonhole.workflows.limits import sections

    status = run(
        model,
        endpoint=endpoint,
        host=host,
        port=port,
        cpu=cpu,
        memory_gib=memory,
        deployment=deployment,
        traffic=traffic,
        key=key,
        log_images=image_log,
        workers=workers,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        **sections(parse_settings(settings or [])),
        workspace=workspace,
    )
    finish(status.to_dict(), status.deployed, json)
    suggest(f"pigeonhole monitor {status.name}")


def serve(
    model: ModelOrBundle,
    port: Port = 8080,
    host: Host = "127.0.0.1",
    key: Annotated[str | None, typer.Option(help="The key that requests must carry.", envvar="PIGEONHOLE_KEY")] = None,
    key_hashes: Annotated[
        str | None,
        typer.Option(help="The SHA-256 of further keys, separated by commas.", envvar="PIGEONHOLE_KEY_HASHES"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What answers call the model. Default: its own name.")] = None,
    access_log: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write a JSON line for each request into a file, or to stdout.")
    ] = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    workspace: WorkspaceFolder = None,
) -> None:
    """Serve one bundle in the foreground until Ctrl-C. A bundle's folder needs no workspace."""
    from pigeonhole.workflows.serve import serve as run

    hashes = [text.strip() for text in key_hashes.split(",")] if key_hashes else []
    code = run(
        model,
        host=host,
        port=port,
        key=key,
        key_hashes=hashes,
        name=name,
        access_log=access_log,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        workspace=workspace,
    )
    raise typer.Exit(code)


def predict(
    model: ModelOrBundle,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Image files.")],
    invert: Annotated[bool, typer.Option("--invert", help="Swap dark and light first.")] = False,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Say what is in some image files, without a server."""
    from pigeonhole.workflows.predict import predict as run

    rows = [item.to_dict() for item in run(model, files, invert=invert, workspace=workspace)]
    if json:
        print_json(rows)
        return
    print_table(
        ["file", "label", "probability", "warnings"],
        [[row["file"], row["label"], percent(row["probability"]), "; ".join(row["warnings"])] for row in rows],
        "",
    )


def monitor(
    endpoint: EndpointName,
    window: Annotated[str, typer.Option(help="How far back to look: 90s, 20m, 2h, or all.")] = "all",
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Say how an endpoint is doing: load, latency, errors, class mix, confidence, live accuracy."""
    from pigeonhole.workflows.monitor import monitor as run

    facts = run(endpoint, window=window, workspace=workspace).to_dict()
    if json:
        print_json(facts)
        return
    live = facts["live_accuracy"]
    print_facts(
        f"endpoint {endpoint}",
        {
            "requests": f"{facts['requests']:,} ({facts['requests_per_s']:.1f}/s), {facts['images']:,} images",
            "errors": f"{facts['errors']:,} ({facts['error_rate']:.2%})",
            "latency": _latency(facts),
            "mean confidence": percent(facts["mean_confidence"]),
            "live accuracy": f"{interval(live)}, {live['n']:,} labels fed back" if live else "no feedback yet",
            "class mix": _mix(facts["class_mix"]),
        },
    )


def _latency(facts: dict[str, Any]) -> str | None:
    if facts["p50_ms"] is None:
        return None
    return f"p50 {facts['p50_ms']:.2f} ms, p95 {facts['p95_ms']:.2f} ms, p99 {facts['p99_ms']:.2f} ms"


def _mix(shares: dict[str, float]) -> str | None:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items()) or None


def list_(json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """List the endpoints and their states."""
    from pigeonhole.workflows.endpoints import list_endpoints as run

    rows = [status.to_dict() for status in run(workspace=workspace)]
    if json:
        print_json(rows)
        return
    print_table(
        ["endpoint", "state", "url", "serves", "reason"],
        [
            [row["name"], row["state"], row["url"], ", ".join(d["model"] for d in row["deployments"]), row["reason"]]
            for row in rows
        ],
        "no endpoints yet; begin with: pigeonhole deploy MODEL@champion --endpoint NAME",
    )


def show(endpoint: EndpointName, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Show an endpoint: state, reason, remedy, deployments, processes."""
    from pigeonhole.workflows.endpoints import endpoint as run

    print_status(run(endpoint, workspace=workspace).to_dict(), json)


def logs(
    endpoint: EndpointName,
    lines: Annotated[int, typer.Option(help="How many lines from the end.", min=1)] = 50,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Print the end of an endpoint's log."""
    from pigeonhole.workflows.endpoints import logs as run

    found = run(endpoint, lines=lines, workspace=workspace)
    if json:
        print_json({"lines": found})
    else:
        print_text("\n".join(found))


def stop(endpoint: EndpointName, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Stop an endpoint; requests under way are answered first, and nothing is left running."""
    from pigeonhole.workflows.endpoints import stop as run

    stopped = run(endpoint, workspace=workspace)
    if json:
        print_json({"name": stopped.name, "pids": list(stopped.pids), "forced": stopped.forced})
    else:
        pids = ", ".join(map(str, stopped.pids))
        ended = f"processes {pids} are gone" if pids else "nothing of it was running"
        print_text(f"endpoint {stopped.name} is stopped; {ended}")

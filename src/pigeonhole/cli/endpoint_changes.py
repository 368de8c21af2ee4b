"""What changes an endpoint that is there: `endpoints update|rollback|rm|history|keys`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pigeonhole.cli.options import EndpointName, Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, print_table, suggest

SHARES = "blue=90,green=10"


def add_to(endpoints: typer.Typer) -> None:
    """Adds this file's commands to the noun."""
    update_example = f"pigeonhole endpoints update digits --traffic {SHARES} --mirror green=10"
    endpoints.command("update", epilog=example(update_example))(update)
    endpoints.command("rollback", epilog=example("pigeonhole endpoints rollback digits"))(rollback)
    endpoints.command("rm", epilog=example("pigeonhole endpoints rm digits green"))(remove)
    endpoints.command("history", epilog=example("pigeonhole endpoints history digits"))(history)
    keys_example = "pigeonhole endpoints keys digits --regenerate primary"
    endpoints.command("keys", epilog=example("pigeonhole endpoints keys digits", keys_example))(keys)


def update(
    endpoint: EndpointName,
    traffic: Annotated[
        str | None,
        typer.Option(metavar=SHARES, help="Percent of the requests by deployment: 0 or 100 in all; not named is 0."),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(metavar="green=10", help="Percent of the requests that one deployment gets a copy of; 0 ends it."),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N|1:N", help="Server processes; 1:4 is one, and up to four if requests wait.")
    ] = None,
    access_log: Annotated[
        bool | None,
        typer.Option("--access-log/--no-access-log", help="A JSON line an answer, in access.jsonl beside the log."),
    ] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Divide the traffic of an endpoint among its deployments, or change its workers; no request is lost."""
    from pigeonhole.workflows.endpoints import update as run

    status = run(endpoint, traffic=traffic, mirror=mirror, workers=workers, access_log=access_log, workspace=workspace)
    finish(status.to_dict(), status.deployed, json)
    suggest(f"pigeonhole monitor {endpoint}; the way back: pigeonhole endpoints rollback {endpoint}")


def rollback(
    endpoint: EndpointName,
    to: Annotated[
        int | None,
        typer.Option(help="The number of a change in the history; without it, one further back each time.", min=1),
    ] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Bring back the deployments and the traffic as they were before the last change; keys and port stay."""
    from pigeonhole.workflows.endpoints import rollback as run

    done = run(endpoint, to=to, workspace=workspace)
    finish(done.to_dict(), done.endpoint.deployed, json)
    suggest(f"pigeonhole endpoints history {endpoint}")


def remove(
    endpoint: EndpointName,
    deployment: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="A deployment without traffic.")],
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Take a deployment away from its endpoint."""
    from pigeonhole.workflows.endpoints import remove_deployment as run

    status = run(endpoint, deployment, workspace=workspace)
    finish(status.to_dict(), status.deployed, json)
    suggest(f"pigeonhole endpoints history {endpoint}")


def history(endpoint: EndpointName, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """List the changes of an endpoint, and what became of each."""
    from pigeonhole.workflows.endpoints import history as run

    rows = [change.to_dict() for change in run(endpoint, workspace=workspace)]
    if json:
        print_json(rows)
        return
    print_table(
        ["change", "at", "kind", "deployments", "outcome", "reason"],
        [[r["generation"], r["asked_at"], r["kind"], r["described"], r["outcome"], _first(r["reason"])] for r in rows],
        "",
    )
    suggest(f"pigeonhole endpoints rollback {endpoint} --to CHANGE")


def keys(
    endpoint: EndpointName,
    regenerate: Annotated[
        str | None, typer.Option(metavar="primary|secondary", help="The key to make anew; the other goes on working.")
    ] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Show which keys an endpoint takes (their hashes; the keys are kept nowhere), or make one of them anew."""
    from pigeonhole.workflows.endpoints import keys as run

    facts = run(endpoint, regenerate=regenerate, workspace=workspace).to_dict()
    if json:
        print_json(facts)
    else:
        prints = facts["fingerprints"]
        shown = {
            which: f"SHA-256 {prints[which]}…" if which in prints else "none" for which in ("primary", "secondary")
        }
        new = {"new key": f"{facts['key']} ({facts['regenerated']}; shown this once)"} if facts["key"] else {}
        print_facts(f"endpoint {endpoint}", {**shown, **new, "not taken": facts["reason"] or None})
    if not facts["taken"]:
        raise typer.Exit(6)


def finish(facts: dict[str, Any], done: bool, json: bool) -> None:
    """Shows an endpoint after a change.

    Raises:
        Exit: with code 6 where the change did not take effect.
    """
    print_status(facts, json)
    if not done:
        raise typer.Exit(6)


def print_status(facts: dict[str, Any], json: bool) -> None:
    """An endpoint: state, reason, remedy, deployments with their shares."""
    if json:
        print_json(facts)
        return
    low, high = facts["workers"]
    print_facts(
        f"endpoint {facts['name']}  {facts['state']}",
        {
            "reason": facts.get("reason") or None,
            "remedy": facts.get("remedy") or None,
            "back to": facts.get("rolled_back_to"),
            "url": facts["url"],
            "deployments": "; ".join(_deployment(item, len(facts["deployments"])) for item in facts["deployments"]),
            "workers": None if low == high == 1 else str(low) if low == high else f"{low} to {high}",
            "processes": ", ".join(map(str, facts["pids"])) or None,
            "key": facts.get("key"),
        },
    )


def _deployment(item: dict[str, Any], of: int) -> str:
    text = f"{item['name']} serves {item['model']}"
    if of < 2:
        return text
    copy = f" and a copy of {item['mirror']}%" if item["mirror"] else ""
    state = "" if item["state"] == "Healthy" else f", {item['state']}"
    return f"{text} ({item['share']}%{copy}{state})"


def _first(reason: str) -> str:
    return next(iter(reason.splitlines()), "")

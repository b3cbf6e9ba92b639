"""Commands about connected systems: asking them now, and trying everything that is configured."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.cli.shared import FAILED, HomeOption, PoliciesOption, not_understood, policies_of, settings_of

app = typer.Typer()

# As shells have it: 128 and the number of the signal.
_INTERRUPTED = 130

SystemArgument = Annotated[
    str | None, typer.Argument(help="Name of a system, as systems.yaml has it. Default: every one.")
]


@app.command()
def pull(
    system: SystemArgument = None,
    whole: Annotated[bool, typer.Option("--whole", help="Read everything anew, not only what changed.")] = False,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Ask connected systems now for what changed; the next refresh reads it."""
    from orchestration.refresh.pull import pull_and_hand_on

    settings = settings_of(home=home, policies=policies)
    rules = policies_of(settings)
    console, failed = _console(), False
    try:
        for name in _named(system, rules):
            with console.status(f"asking {name}"):
                rows = pull_and_hand_on(name, settings, rules, whole=whole)
            _tell(console, name, rows)
            failed = failed or any(row["problem"] for row in rows)
    except (KeyboardInterrupt, RuntimeError) as error:
        if not _is_interrupt(error):
            raise
        typer.echo("Stopped: what was fetched is kept, and the next pull goes on from there.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if failed:
        raise typer.Exit(FAILED)


@app.command()
def doctor(system: SystemArgument = None, home: HomeOption = None, policies: PoliciesOption = None) -> None:
    """Try everything that is configured: what works, what is missing, and how to mend it."""
    from orchestration.systems.doctor import examine, examine_system
    from portal.signin.examine import examine_sign_in

    settings = settings_of(home=home, policies=policies)
    rules = policies_of(settings)
    console = _console()
    found = []
    if system is None:
        with console.status("asking the identity provider"):
            signed = [("sign-in", one) for one in examine_sign_in(settings, rules)]
        found = [*examine(settings, rules), *signed]
    for name in _named(system, rules):
        with console.status(f"asking {name}"):
            found += [(name, one) for one in examine_system(name, settings, rules)]
    table = Table(title="What is configured", title_justify="left", show_lines=False)
    for heading in ("", "where", "what", "found"):
        table.add_column(heading, overflow="fold")
    for where, one in found:
        mark = "[green]ok[/]" if one.is_ok else "[red]mend[/]"
        table.add_row(mark, escape(where), escape(one.what), escape(one.words))
    console.print(table)
    wrong = [(where, one) for where, one in found if not one.is_ok]
    for where, one in wrong:
        console.print(f"[red]{escape(where)}, {escape(one.what)}[/]: {escape(one.mend or '')}")
    if not rules.systems.by_name:
        console.print("No system is connected: docs/connect.md says how; files in the drop folder need no connection.")
    if wrong:
        raise typer.Exit(FAILED)


def _named(system: str | None, rules) -> list[str]:
    known = list(rules.systems.by_name)
    if system is None:
        return known
    if system not in known:
        listed = ", ".join(known) if known else "systems.yaml has none"
        not_understood(f'there is no system "{system}"; known: {listed}')
    return [system]


def _is_interrupt(error: BaseException) -> bool:
    # DuckDB has words of its own for Ctrl-C during a query.
    return isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted"


def _tell(console: Console, name: str, rows) -> None:
    if not rows:
        console.print(f"{name}: no source of sources.yaml names it, so there is nothing to ask")
        return
    came = [row for row in rows if not row["problem"]]
    if came:
        console.print(_pulled(name, came))
    sources_by_words: dict[str, list[str]] = {}
    for row in rows:
        if row["problem"]:
            sources_by_words.setdefault(row["problem"], []).append(row["source"])
    for words, sources in sources_by_words.items():
        console.print(_problem(sources, words))


def _problem(sources: list[str], words: str) -> str:
    """What keeps these sources, named once: words about a single one may begin with its name."""
    who, mark = ", ".join(sources), ":"
    for after in (",", ":"):
        if words.startswith(f"{who}{after} "):
            words, mark = words.removeprefix(f"{who}{after} "), after
    return f"[red]{escape(who)}[/]{mark} {escape(words)}"


def _pulled(name: str, rows) -> Table:
    table = Table(title=name, title_justify="left")
    for heading in ("source", "stream"):
        table.add_column(heading)
    for heading in ("fetched", "records", "deleted", "pages", "calls", "seconds"):
        table.add_column(heading, justify="right")
    for heading in ("up to", "quota"):
        table.add_column(heading)
    for row in rows:
        figures = [row[name] for name in ("rows", "records", "deleted", "pages", "calls")]
        table.add_row(
            row["source"],
            row["stream"],
            *("" if figure is None else f"{figure:,}" for figure in figures),
            f"{row['seconds']:.1f}",
            escape(row["watermark"] or ""),
            escape(row["quota"] or ""),
        )
    return table


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)

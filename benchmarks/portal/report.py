"""The figures of the portal as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_WORDS = {
    "targets": "targets, filtered and sorted",
    "accounts": "accounts, filtered and sorted",
    "hygiene": "hygiene, filtered and sorted",
    "actions": "actions of the ledger, filtered and sorted",
    "account": "one account, any of 200",
    "all": "all of them",
}


def report(result: dict[str, Any]) -> str:
    """The whole page; milliseconds at the server are those that it says itself, from the first byte to the headers."""
    return "\n".join([*_head(result), *_pages(result), *_rest(result), *_peer(result.get("peer"))]) + "\n"


def _head(result: dict[str, Any]) -> Iterator[str]:
    rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in result["rows"].items())
    yield "# How fast the portal answers"
    yield ""
    yield "Written by `python -m benchmarks.portal`; don't edit by hand."
    yield ""
    yield (
        f"{rows}; {result['measured_at']}, {result['machine']}, load {result['load_before']} before. The tables are"
        " those of the demo company, its accounts copied under other names until there are enough (`home.py`)."
        f" The {result['at_once']} people are ten sellers, three managers, an executive, RevOps, an administrator."
        " Without a pause, each asks again as soon as the answer is there. The program that asks shares the processors."
    )
    yield ""


def _pages(result: dict[str, Any]) -> Iterator[str]:
    for load in result["loads"]:
        yield f"## {load['title']}"
        yield ""
        yield (
            f"{load['requests_a_second']} requests a second, {load['processor_milliseconds']} ms of processor each,"
            f" {load['failed']} failed."
        )
        yield ""
        yield "| page | requests | p50 ms | p95 ms | p99 ms | p95 ms with the way there |"
        yield "|---|---:|---:|---:|---:|---:|"
        for page, one in load["pages"].items():
            yield (
                f"| {_WORDS[page]} | {one['requests']:,} | {one['server_p50']} | {one['server_p95']} |"
                f" {one['server_p99']} | {one['client_p95']} |"
            )
        yield ""


def _rest(result: dict[str, Any]) -> Iterator[str]:
    yield "## The rest"
    yield ""
    yield "| what | figure |"
    yield "|---|---:|"
    yield f"| seconds until the first page after a start | {result['first_page_seconds']} |"
    yield f"| MB of the process when loaded | {result['mb_when_loaded']} |"
    yield f"| MB at most, with exports | {result['mb_at_most']} |"
    yield f"| MB at most, while another publication took its place | {result['mb_at_most_with_swap']} |"
    for kind, one in result["exports"].items():
        yield (f"| export as {kind.upper()}: rows, seconds, MB | {one['rows']:,}, {one['seconds']}, {one['mb']} |")
    swap = result["swap"]
    yield f"| p95 ms while another publication is loaded | {swap['pages']['server_p95']} |"
    yield f"| requests that failed meanwhile | {swap['failed']} |"
    yield ""


def _peer(peer: dict[str, Any] | None) -> Iterator[str]:
    if peer is None:
        return
    yield "## A peer"
    yield ""
    yield peer["how"]
    yield ""
    yield "| page | runs | p50 ms | p95 ms | MB |"
    yield "|---|---:|---:|---:|---:|"
    yield f"| targets in Streamlit {peer['version']} | {peer['runs']} | {peer['p50']} | {peer['p95']} | {peer['mb']} |"
    yield ""

"""Check: judge what has landed, set rows aside, and decide which extraction each stream uses."""

from __future__ import annotations

from orchestration.policy.tables import policy_tables
from orchestration.quality.landed import LandedChecks, check_landed
from orchestration.quality.names import MatchSettings
from orchestration.quality.suites import load_suites
from orchestration.quality.views import CheckContext
from orchestration.refresh.extract import problems
from orchestration.refresh.freshness import stream_table
from orchestration.refresh.retired import in_use
from orchestration.refresh.run import Run
from orchestration.sources.landing import LandingZone
from orchestration.sources.matching import Alias
from orchestration.sources.streams import STREAMS


def check(run: Run) -> LandedChecks:
    """Run every raw suite over the extractions known at as_of; leave the findings in the run's folder."""
    calendar, sources = run.policies.calendar, run.policies.sources
    zone = LandingZone(run.settings.landing_path)
    candidates = {
        stream: in_use(run, stream, zone.known_at(stream, run.as_of, calendar.time_zone)) for stream in STREAMS
    }
    with run.timed("check_landed"):
        found = check_landed(
            candidates,
            load_suites(run.settings.expectations),
            policy_tables(run.policies),
            CheckContext(run.as_of, calendar.time_zone, calendar.reporting_currency),
            MatchSettings(
                legal_forms=tuple(sources.matching.legal_forms),
                aliases=tuple(Alias(**alias.model_dump()) for alias in run.policies.account_aliases),
                pair_limit=sources.matching.suggestion_pair_limit,
                name_limit=sources.matching.suggestion_name_limit,
            ),
            run.checks_folder,
            sources.critical_above_pct,
            memory_limit=run.settings.memory_limit,
        )
        streams = stream_table(run, found, problems(run))
        run.note("streams", {"rows": streams.to_pylist()})
        run.note(
            "parts",
            {
                stream: [str(part) for candidate in checks.used for part in candidate.extraction.part_paths]
                for stream, checks in found.streams.items()
            },
        )
    return found

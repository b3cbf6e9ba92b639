"""What a refresh did, for a person at a terminal and for programs: the counts, what was set aside, and the seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.policy.handover import file_sources
from orchestration.publishing.reader import Publication
from orchestration.refresh.run import Run
from orchestration.sources.drop import unclaimed_files


@dataclass(frozen=True)
class Summary:
    """One refresh in figures. What is a list of dictionaries is a small table."""

    as_of: str
    snapshot: Path
    is_current: bool
    policy_version: str
    streams: list[dict[str, Any]]
    issues: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    health: list[dict[str, Any]]
    at_risk: list[dict[str, Any]]
    unread_files: list[str]
    stages: dict[str, float]
    models: dict[str, float] = field(default_factory=dict)


def summarise(run: Run) -> Summary:
    """The figures of a run that has published; also left in the run's folder as `summary.json`."""
    folder = Path(run.noted("publication")["folder"])
    with Publication.open_snapshot(folder) as publication:
        streams = publication.rows(
            "select stream, rows_read, rows_used, rows_set_aside, rows_passed_over, age_days, is_present, is_stale,"
            " is_omitted, reconstructed, problem from source_freshness order by is_present desc, stream"
        )
        issues = publication.rows(
            "select severity, stream, rule, count(*)::int as issues, min(sentence) as example from hygiene_issues"
            " where status = 'open' group by severity, stream, rule"
            " order by case severity when 'critical' then 1 when 'warning' then 2 else 3 end, issues desc, stream, rule"
        )
        targets = publication.rows(
            "select status, count(*)::int as targets from health_check_targets group by 1 order by 2 desc, 1"
        )
        candidates = publication.rows(
            'select "rank", account_name, product, status, flag_reason, amount, owner_name'
            ' from health_check_candidates order by "rank" limit 5'
        )
        health = publication.rows(
            "select status, count(*)::int as accounts, sum(arr) as arr,"
            " count_if(confidence = 'low')::int as low_confidence, count_if(newly_at_risk)::int as newly_at_risk"
            " from account_health group by status"
            " order by case status when 'GREEN' then 1 when 'YELLOW' then 2 when 'RED' then 3 else 4 end"
        )
        at_risk = publication.rows(
            "select h.account_name, h.score, h.final_status, c.churn_probability, c.expected_loss, h.summary"
            " from account_churn c join account_health h using (account_id)"
            " order by c.intervention_priority desc nulls last, h.account_id limit 5"
        )
        manifest = publication.manifest
    summary = Summary(
        as_of=run.as_of.isoformat(),
        snapshot=folder,
        is_current=bool(run.noted("publication")["is_current"]),
        policy_version=manifest.policy_version,
        streams=streams,
        issues=issues,
        targets=targets,
        candidates=candidates,
        health=health,
        at_risk=at_risk,
        unread_files=unclaimed_files(run.settings.drop_path, file_sources(run.policies)),
        stages=run.stage_seconds(),
        models=(run.noted("models") or {}).get("seconds", {}),
    )
    run.note(
        "summary",
        {
            "run_id": run.run_id,
            "as_of": summary.as_of,
            "stages": summary.stages,
            "dbt_model_seconds": summary.models,
            "streams": streams,
            "targets": {row["status"]: row["targets"] for row in targets},
            "scores": {row["status"]: row["accounts"] for row in health},
        },
    )
    return summary

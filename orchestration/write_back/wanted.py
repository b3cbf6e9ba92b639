"""What a target should hold: a row an account, its values as JSON, from one publication.

Texts are plain and of one line; numbers stay numbers; what is blank is null, which clears the field. The same values
are always the same text, so that texts can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestration.actions.intake import rows_of
from orchestration.policy.write_back import COLUMNS, NEXT_ACTION, Target, WriteBack
from orchestration.publishing.reader import Publication
from orchestration.sources.sqltext import Sql, compose, identifier, joined, text_list, texts

FEED_TABLE, ACTIONS_TABLE = "feed_sales", "recommended_actions"
# An action that somebody or the engine is still to carry out.
_OPEN = ("queued", "pending_approval", "approved", "executing", "recommended")


def wanted_rows(publication: Publication, target: Target, policy: WriteBack) -> Iterator[Sequence[str]]:
    """(account, values) of every account of the feed. Raises ValueError where the publication lacks a table."""
    missing = [table for table in (FEED_TABLE, ACTIONS_TABLE) if table not in publication.manifest.tables]
    if missing:
        raise ValueError(f"the publication has no {' and no '.join(missing)}; a refresh makes it")
    return rows_of(publication, _query(target, policy))


def _query(target: Target, policy: WriteBack) -> Sql:
    return compose(
        """SELECT feed.account_id AS record_id, to_json(struct_pack({values})) AS wanted
        FROM published.feed_sales AS feed
        LEFT JOIN ({following}) AS following ON feed.account_id = following.account_id""",
        values=joined(
            compose("{field} := {value}", field=identifier(field), value=_value(column))
            # In an order that doesn't hang on the policy file's.
            for field, column in sorted(target.fields.items())
        ),
        following=_next_action(policy),
    )


def _next_action(policy: WriteBack) -> Sql:
    """The most urgent open action of each account; of equals the one due first."""
    return compose(
        """SELECT account_id, {named}
        FROM published.recommended_actions
        WHERE status IN {open} AND NOT list_contains({without}::VARCHAR[], kind)
        QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY priority, due_on NULLS LAST, action_id) = 1""",
        named=joined(
            compose("{column} AS {name}", column=identifier(column), name=identifier(name))
            for name, column in NEXT_ACTION.items()
        ),
        open=texts(_OPEN),
        without=text_list(policy.next_action_without),
    )


def _value(column: str) -> Sql:
    where = Sql("following") if column in NEXT_ACTION else Sql("feed")
    value = compose("{table}.{column}", table=where, column=identifier(column))
    if COLUMNS[column] == "number":
        # As the other side keeps numbers, and the same text however wide the column is.
        return compose("CAST({value} AS DOUBLE)", value=value)
    if COLUMNS[column] != "text":
        return value
    # As messages have it: no characters that control, turn round or can't be seen, and no line breaks.
    return compose(
        r"nullif(trim(regexp_replace(regexp_replace(nfc_normalize({value}), '\p{Cf}', '', 'g'),"
        r" '[\s\p{Z}\p{Cc}]+', ' ', 'g')), '')",
        value=value,
    )

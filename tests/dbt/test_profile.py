"""What the profile may not say: learned from builds that failed at sizes that no test has."""

from __future__ import annotations

import duckdb
import pytest
import yaml

from tests.support.models import PROJECT

PROFILE = yaml.safe_load((PROJECT / "profiles.yml").read_text(encoding="utf-8"))["account_health"]["outputs"]["duckdb"]


def test_the_folder_for_spilling_is_given_when_the_file_is_opened() -> None:
    # dbt sets `settings` anew for each model.
    assert "temp_directory" in PROFILE["config_options"]
    assert "temp_directory" not in PROFILE["settings"]


def test_duckdb_refuses_another_folder_once_it_has_spilled(tmp_path) -> None:
    """The reason for the rule above; when this fails, the rule may go."""
    with duckdb.connect(config={"temp_directory": str(tmp_path / "one"), "memory_limit": "90MB", "threads": 1}) as con:
        con.execute("create table wide as select i, repeat(i::varchar, 40) as text from range(1500000) r(i)")
        con.execute("create table sorted as from wide order by text")
        with pytest.raises(duckdb.NotImplementedException, match="Cannot switch temporary directory"):
            con.execute(f"set temp_directory = '{tmp_path / 'one'}'")

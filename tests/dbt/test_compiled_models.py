"""What runs without dbt gives what dbt builds, so that tests may look at it instead.

The build is a whole one, dbt's own tests included, over customers that fill every table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.whatif.models import ModelsError, compile_models
from tests.dbt.customer_outcomes import SETTINGS, make_world
from tests.support.compiled import compiled_models
from tests.support.models import build_models

WORLD = "everything, month's end"
# Those of health checks need subjects that this world has none of.
EMPTY_AT_MOST = 8


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("compiled")
    world, _ = make_world(SETTINGS[WORLD], work)
    return world.freeze(work / "inputs")


@pytest.fixture(scope="module")
def both(inputs: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The compiled models' database, with what dbt built attached as `built`."""
    warehouse = build_models(inputs, inputs.parent)
    con = compiled_models().run(inputs)
    con.execute(f"attach '{warehouse}' as built (read_only)")
    yield con
    con.close()


def columns(con: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [row[:2] for row in con.execute(f"describe {relation}").fetchall()]


@pytest.mark.parametrize("layer", ["marts", "published"])
def test_every_table_is_the_one_that_dbt_builds(both: duckdb.DuckDBPyConnection, layer: str) -> None:
    names = compiled_models().of_schema(layer)
    filled = 0
    for name in names:
        # A contract fixes the order of columns too, so they are compared by name.
        listed = ", ".join(column for column, _ in columns(both, f"built.{layer}.{name}"))
        mine, theirs = (f"select {listed} from {base}.{layer}.{name}" for base in ("memory", "built"))
        assert dict(columns(both, f"memory.{layer}.{name}")) == dict(columns(both, f"built.{layer}.{name}")), name
        for one, other in ((mine, theirs), (theirs, mine)):
            assert both.execute(f"{one} except all {other}").fetchmany(3) == [], name
        filled += both.execute(f"select count(*) > 0 from ({mine})").fetchone()[0]
    assert filled >= len(names) - EMPTY_AT_MOST


def test_only_what_is_asked_for_runs(inputs: Path) -> None:
    with compiled_models().run(inputs, "health_check_targets") as con:
        made = {name for (name,) in con.execute("select table_name from information_schema.tables").fetchall()}
    assert "health_check_targets" in made
    assert "fct_health_check_targets" in made
    assert "fct_hygiene_issues" not in made
    assert made == set(compiled_models().with_ancestors(["health_check_targets"]))


def test_what_fails_is_named(tmp_path) -> None:
    with pytest.raises(ModelsError, match="stg_policy__signal_groups failed"):
        compiled_models().run(tmp_path, "stg_policy__signal_groups")
    with pytest.raises(KeyError):
        compiled_models().run(tmp_path, "no_such_model")


def test_what_changed_in_the_project_is_compiled_anew(tmp_path: Path) -> None:
    """dbt reads only what changed since it was last asked; another environment alone changes nothing that it read."""
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: small\nprofile: small\nmodel-paths: [models]\n")
    output = "{type: duckdb, path: \"{{ env_var('ACCOUNT_HEALTH_WAREHOUSE') }}\"}"
    (tmp_path / "profiles.yml").write_text(f"small: {{target: duckdb, outputs: {{duckdb: {output}}}}}\n")
    model = tmp_path / "models" / "one.sql"
    for number, told in ((1, "x"), (2, "y")):
        model.write_text(f"select {number} as n, '{{{{ env_var('TOLD') if execute }}}}' as told")
        compiled = compile_models(tmp_path, {"TOLD": told})
        assert compiled.models["one"].sql == f"select {number} as n, '{told}' as told"
    assert list((tmp_path / "target" / "compile").iterdir()) == [tmp_path / "target/compile/partial_parse.msgpack"]

"""Typed settings: where a home is, which engine runs the models, where publications go.

The only module that reads the environment. Numbers that shape results are policy, not settings.
"""

from __future__ import annotations

import os
from datetime import date
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Engine(StrEnum):
    """Where the dbt models run."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class LogFormat(StrEnum):
    """How processes that serve write their log."""

    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """Settings of one installation; every field is `ACCOUNT_HEALTH_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="ACCOUNT_HEALTH_", extra="ignore", frozen=True)

    home: Path = Field(Path(".account-health"), description="Folder that holds everything a run reads and writes.")
    drop: Path | None = Field(None, description="Folder with report files; default is `drop` in the home.")
    policies: Path = Field(PROJECT_ROOT / "policies", description="Folder with the policy files.")
    expectations: Path = Field(PROJECT_ROOT / "expectations", description="Folder with the expectation suites.")
    dbt_project: Path = Field(PROJECT_ROOT / "dbt_project", description="Folder with the dbt project.")
    engine: Engine = Field(Engine.DUCKDB, description="Where the models run: duckdb or spark.")
    spark_dbt: Path = Field(
        PROJECT_ROOT / ".venv-spark" / "bin" / "dbt", description="dbt of the environment that has Spark."
    )
    memory_limit: str = Field("6GB", description="Memory DuckDB may use before it spills to disk.")
    publish_postgres: SecretStr | None = Field(None, description="URL of a PostgreSQL to publish to as well.")
    publish_postgres_file: Path | None = Field(None, description="Secret file that holds that URL.")
    ledger: SecretStr | None = Field(None, description="URL of a PostgreSQL that keeps the ledger; default is SQLite.")
    ledger_file: Path | None = Field(None, description="Secret file that holds that URL.")
    secrets: Path | None = Field(None, description="Folder with a file for each secret that policies name.")
    log_format: LogFormat = Field(LogFormat.TEXT, description="How the portal logs: text, or json, one object a line.")
    webhook_on_failure: SecretStr | None = Field(None, description="Webhook that is told when a run fails.")
    dagster_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s]+$",
        description="Address of the Dagster UI, for the link on the portal's status page.",
    )
    first_as_of: date = Field(date(2015, 1, 1), description="First as-of date the Dagster UI offers as a partition.")

    @property
    def home_path(self) -> Path:
        """The home as an absolute path, the same from whichever folder a process was started in."""
        return self.home.expanduser().resolve()

    @property
    def drop_path(self) -> Path:
        return (self.drop.expanduser().resolve()) if self.drop else self.home_path / "drop"

    @property
    def operations_path(self) -> Path:
        return self.home_path / "operations"

    @property
    def landing_path(self) -> Path:
        return self.home_path / "landing"

    @property
    def pulled_path(self) -> Path:
        return self.home_path / "pulled"

    @property
    def inputs_path(self) -> Path:
        return self.home_path / "inputs"

    @property
    def history_path(self) -> Path:
        return self.home_path / "history"

    @property
    def published_path(self) -> Path:
        return self.home_path / "published"

    @property
    def documents_path(self) -> Path:
        return self.home_path / "documents"

    @property
    def reports_path(self) -> Path:
        return self.documents_path / "reports"

    @property
    def runs_path(self) -> Path:
        return self.home_path / "runs"

    @property
    def dagster_path(self) -> Path:
        return self.home_path / "dagster"

    @property
    def temporary_path(self) -> Path:
        return self.home_path / "tmp"

    @property
    def warehouse_path(self) -> Path:
        return self.home_path / "warehouse.duckdb"

    @property
    def spark_path(self) -> Path:
        return self.home_path / "spark"

    def postgres_url(self) -> str | None:
        """The URL to publish to, from the environment or the secret file; None when neither is set."""
        return _secret(self.publish_postgres, self.publish_postgres_file)

    def ledger_url(self) -> str | None:
        """The URL of the ledger, from the environment or the secret file; None when neither is set."""
        return _secret(self.ledger, self.ledger_file)

    def secret(self, name: str) -> str | None:
        """A secret by its name: `ACCOUNT_HEALTH_SECRET_<NAME>`, else the file of that name; None when there is none."""
        given = os.environ.get(f"ACCOUNT_HEALTH_SECRET_{name.upper()}")
        if given is not None:
            return given
        file = self.secrets / name if self.secrets else None
        return file.read_text(encoding="utf-8").strip() if file is not None and file.is_file() else None


def _secret(given: SecretStr | None, file: Path | None) -> str | None:
    if given is not None:
        return given.get_secret_value()
    return file.read_text(encoding="utf-8").strip() if file is not None else None

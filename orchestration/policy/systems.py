"""Connected systems: where they are, how to sign in there, and how gently they are asked.

Here: `systems.yaml`. Not here: which of their fields become which column (`sources.yaml`), what is sent to them
(`connectors.yaml`), and how they are spoken to (`orchestration/systems`). Secrets come from the environment or a file,
under the name that a system gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orchestration.loopback import is_loopback
from orchestration.policy.base import (
    Bytes,
    Count,
    Name,
    Percent,
    PolicyFile,
    PolicyModel,
    PositiveCount,
    SecretName,
    Text,
    WindowDays,
    refuse,
    setting,
    shown_address,
)
from orchestration.policy.problems import Finding, below_another, nearest, repeated, shown
from orchestration.policy.sources import Source, Sources

Seconds = Annotated[int, Field(strict=True, ge=1, le=86_400)]
Minutes = Annotated[int, Field(strict=True, ge=1, le=1_440)]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]


def https_address(text: str) -> str:
    """An address that is safe to send secrets to, without a slash at its end; http on loopback only."""
    expected = "an https address without user and parameters, such as https://example.my.salesforce.com"
    found = shown_address(text)
    try:
        address = urlsplit(text)
        is_safe = address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname or ""))
    except ValueError:
        raise refuse(expected, found=found) from None
    # A password with a slash in it ends the host early: no @ stands anywhere.
    if not is_safe or not address.hostname or "@" in text or address.query or address.fragment:
        raise refuse(expected, found=found)
    return text.rstrip("/")


def _bucket(text: str) -> str:
    scheme, separator, path = text.partition("://")
    if not separator or scheme not in ("s3", "gs", "az", "abfs", "file") or not path.strip("/"):
        expected = "a folder of an object store, such as s3://bucket/reports, gs://… or az://…"
        raise refuse(expected, found=shown_address(text))
    # abfs://container@account is an address; key:secret@bucket is a secret.
    if "@" in path and ":" in path.partition("@")[0]:
        raise refuse("a folder without user and password: `secret` names them", found=shown_address(text))
    return text.rstrip("/")


def _api_version(text: str) -> str:
    major, _, minor = text.partition(".")
    if not major.isdigit() or minor != "0":
        raise refuse("a version such as '62.0', in quotes")
    return text


Https = Annotated[Text, AfterValidator(https_address)]


class Calling(PolicyModel):
    """Time-outs and retries of every call to an API."""

    timeout_seconds: Seconds = setting("So long an answer may take to begin, and to go on.", "seconds")
    attempts: PositiveCount = setting("How often a call is tried before the pull fails.", "times")
    first_wait_seconds: Seconds = setting("Wait after the first attempt that fails.", "seconds")
    wait_factor: Annotated[int, Field(strict=True, ge=1, le=10)] = setting(
        "Every further wait is the one before times this.", "factor"
    )
    longest_wait_seconds: Seconds = setting(
        "No wait is longer than this; a system that asks for more is asked again another time.", "seconds"
    )
    jitter_pct: Percent = setting("Waits are longer by up to this, by chance, so that callers don't meet again.", "%")


class Pulling(PolicyModel):
    """How records are fetched and merged."""

    longest_minutes: Minutes = setting("A pull that takes longer stops; the next one goes on where it was.", "minutes")
    resume_hours: Annotated[int, Field(strict=True, ge=0, le=168)] = setting(
        "A pull that broke off is gone on with when it is at most so old; else it begins anew.", "hours"
    )
    lookback_minutes: Count = setting(
        "So far before the newest stamp seen the next pull begins: records commit late and share stamps.", "minutes"
    )
    whole_every_days: WindowDays = setting(
        "Everything is read anew after so many days: what was deleted for good or changed without a stamp shows then.",
        "days",
    )
    memory_limit: Annotated[str, Field(strict=True, pattern=r"^[1-9][0-9]*(\.[0-9]+)? ?([KMGT]i?B)$")] = setting(
        "Memory for merging records.", "size, such as 256MB"
    )


class Hooks(PolicyModel):
    """How calls from outside are received."""

    port: Port = setting("Port on 127.0.0.1 that receives them; a proxy with TLS stands before it.", "port")
    max_age_seconds: Seconds = setting("A call signed longer ago, or so far ahead, is refused.", "seconds")
    most_bytes: Bytes = setting("A body larger than this is refused.", "bytes")
    remember_days: WindowDays = setting("So long a call is remembered, so that it counts once.", "days")
    wait_seconds: Seconds = setting("How often is looked for calls that ask for a refresh.", "seconds")
    most_a_minute: PositiveCount = setting("Calls of one system beyond so many are put off.", "calls a minute")


class Salesforce(PolicyModel):
    """One Salesforce org."""

    url: Https = setting("The org's own address (My Domain).", "URL")
    sign_in: Literal["client_credentials", "jwt"] = setting("How to sign in.", "client_credentials or jwt")
    client_id: Text = setting("Consumer key of the connected app.", "text")
    secret: SecretName = setting(
        "Name of the secret: the consumer secret, or the private key (PEM) of jwt.", "name of a secret"
    )
    user: Text | None = setting("jwt: the user's name in the org.", "user name", default=None)
    audience: Https = setting(
        "jwt: whom the token is for; https://test.salesforce.com for sandboxes.",
        "URL",
        default="https://login.salesforce.com",
    )
    api_version: Annotated[Text, AfterValidator(_api_version)] = setting(
        "Version of the API.", "version", default="62.0"
    )
    quota_share_pct: Percent = setting(
        "When so much of the org's calls of a day are used, by anybody, no more are made.", "%", default=60
    )
    page_rows: Annotated[int, Field(strict=True, ge=200, le=2_000)] = setting(
        "Records of a page of the REST API.", "rows", default=2_000
    )
    bulk_from_rows: Count = setting("From so many records on, the Bulk API is used.", "rows", default=10_000)
    bulk_page_rows: PositiveCount = setting("Records of a page of the Bulk API.", "rows", default=100_000)
    job_minutes: Minutes = setting("A bulk job that isn't ready after so long is given up.", "minutes", default=60)
    key_field: Text | None = setting(
        "Field of Task that holds the key of tasks made from here; without it none is made.", "field", default=None
    )
    hook_secret: SecretName | None = setting(
        "Name of the key that callouts are signed with.", "name of a secret", default=None
    )
    own_user: Text | None = setting(
        "Who writes for us, by user name or id: callouts that give it as changed_by ask for nothing. jwt: also `user`.",
        "user",
        default=None,
    )


class Escalation(PolicyModel):
    """When a ticket counts as escalated: any of these."""

    tags: tuple[Text, ...] = setting("One of these tags.", "tags", default=())
    groups: tuple[Text, ...] = setting("In one of these groups, by name.", "groups", default=())
    priorities: tuple[Text, ...] = setting("One of these priorities.", "priorities", default=())


class Domains(PolicyModel):
    """Where accounts' domains come from, for organizations without an external id."""

    source: Name = setting("A source of accounts.", "source")
    column: Text = setting("Its extra column with a web address, such as Website.", "column")


class Zendesk(PolicyModel):
    """One Zendesk account."""

    url: Https = setting("The account's address, such as https://example.zendesk.com.", "URL")
    sign_in: Literal["token", "oauth"] = setting("How to sign in.", "token or oauth")
    user: Text | None = setting("token: whose it is.", "e-mail address", default=None)
    secret: SecretName = setting("Name of the API token or OAuth access token.", "name of a secret")
    calls_a_minute: PositiveCount = setting("Calls of the incremental export in a minute.", "calls", default=10)
    escalation: Escalation = setting("Tickets that count as escalated.", "settings", default_factory=Escalation)
    domains_from: Domains | None = setting(
        "The source that knows accounts' web addresses; without it domains decide nothing.", "settings", default=None
    )
    own_tag: Text = setting("Tag of tickets made from here; they are no customer's.", "tag", default="account_health")
    hook_secret: SecretName | None = setting(
        "Name of the key that webhooks are signed with.", "name of a secret", default=None
    )


class Database(PolicyModel):
    """One database that SQLAlchemy can read."""

    secret: SecretName = setting(
        "Name of the secret with its URL, such as postgresql://reader:…@host/name.", "name of a secret"
    )
    batch_rows: PositiveCount = setting("Rows fetched at once.", "rows", default=20_000)


class Inbox(PolicyModel):
    """One mailbox that scheduled reports are sent to."""

    host: Text = setting("Mail server (IMAP).", "host name")
    port: Port = setting("Its port.", "port", default=993)
    security: Literal["tls", "starttls", "none"] = setting("How the way there is secured.", "kind", default="tls")
    user: Text = setting("Whose mailbox it is.", "user name")
    secret: SecretName = setting("Name of the password.", "name of a secret")
    folder: Text = setting("Folder that is looked into.", "folder", default="INBOX")
    since_days: WindowDays = setting("Mail older than this isn't looked at.", "days", default=30)
    most_bytes: Bytes = setting("Attachments larger than this are refused.", "bytes", default=200_000_000)


class Bucket(PolicyModel):
    """One folder of an object store, read like the drop folder."""

    url: Annotated[Text, AfterValidator(_bucket)] = setting("The folder.", "URL")
    endpoint: Https | None = setting("Address of the store where it isn't the vendor's own.", "URL", default=None)
    secret: SecretName | None = setting(
        "Name of the secret `key:secret`; without one, what the machine itself is allowed.",
        "name of a secret",
        default=None,
    )
    most_bytes: Bytes = setting("Files larger than this are refused.", "bytes", default=20_000_000_000)


System = Salesforce | Zendesk | Database | Inbox | Bucket


class Systems(PolicyFile):
    """Connected systems by kind and name."""

    file_name: ClassVar[str] = "systems.yaml"
    shapes_results: ClassVar[bool] = False

    salesforce: dict[Name, Salesforce] = setting("Salesforce orgs by name.", "settings", default_factory=dict)
    zendesk: dict[Name, Zendesk] = setting("Zendesk accounts by name.", "settings", default_factory=dict)
    databases: dict[Name, Database] = setting("Databases by name.", "settings", default_factory=dict)
    inboxes: dict[Name, Inbox] = setting("Mailboxes by name.", "settings", default_factory=dict)
    buckets: dict[Name, Bucket] = setting("Folders of object stores by name.", "settings", default_factory=dict)
    public_domains: tuple[Text, ...] = setting(
        "Domains at which anybody can have mail: they name no company.", "domains"
    )
    calling: Calling = setting("How often and how long every API is tried.", "settings")
    pulling: Pulling = setting("How far back, how long and how often records are asked for.", "settings")
    hooks: Hooks = setting("Which calls from outside are taken.", "settings")

    @property
    def by_name(self) -> Mapping[str, System]:
        """Every system."""
        return {**self.salesforce, **self.zendesk, **self.databases, **self.inboxes, **self.buckets}

    def lint(self) -> Iterator[Finding]:
        yield from repeated(("public_domains",), [domain.casefold() for domain in self.public_domains])
        kinds = ("salesforce", "zendesk", "databases", "inboxes", "buckets")
        seen: dict[str, str] = {}
        for kind in kinds:
            for name in getattr(self, kind):
                if name in seen:
                    yield Finding((kind, name), f"the name {shown(name)}", f"a name that {seen[name]} doesn't have too")
                seen[name] = kind
        for name, org in self.salesforce.items():
            if (org.user is None) == (org.sign_in == "jwt"):
                yield Finding(("salesforce", name, "user"), shown(org.user), "a user with sign_in jwt, none without")
        for name, desk in self.zendesk.items():
            if (desk.user is None) == (desk.sign_in == "token"):
                yield Finding(("zendesk", name, "user"), shown(desk.user), "a user with sign_in token, none without")
            yield from repeated(("zendesk", name, "escalation", "tags"), desk.escalation.tags)
        yield from below_another(
            ("calling", "longest_wait_seconds"),
            self.calling.longest_wait_seconds,
            self.calling.first_wait_seconds,
            "calling.first_wait_seconds",
        )

    def findings_of(self, source: Source) -> Iterator[Finding]:
        """What doesn't fit between a source and the system it names."""
        system = self.by_name.get(source.system or "")
        if system is None:
            known = list(self.by_name)
            expected = f"one of {', '.join(known)}" if known else "a system of systems.yaml, which has none"
            found = f"the unknown system {shown(source.system)}"
            yield Finding(("system",), found, expected, nearest(source.system or "", known))
            return
        asked, kind = _ASKED[type(system)]
        if source.asks not in asked:
            told = " or ".join(key for key in asked if key) or "path, or nothing for the stream's own file names"
            yield Finding((source.asks or "system",), source.asks or "nothing that is asked for", f"{told}, for {kind}")
        elif source.asks == "object" and isinstance(system, Zendesk) and source.object != "ticket":
            yield Finding(("object",), shown(source.object), "ticket: nothing else is read from Zendesk")
        elif source.where and isinstance(system, Zendesk):
            yield Finding(("where",), shown(source.where), "no condition: Zendesk's export has none")

    def domain_findings(self, sources: Sources) -> Iterator[Finding]:
        """Domains that come from a source which doesn't have them."""
        for name, desk in self.zendesk.items():
            if desk.domains_from is None:
                continue
            having = [
                source.name
                for source in sources.sources
                if source.stream == "accounts" and source.system and desk.domains_from.column in source.extra
            ]
            if desk.domains_from.source not in having:
                wanted = desk.domains_from.source
                expected = f"a source of accounts with {desk.domains_from.column} among its extra fields"
                yield Finding(
                    ("zendesk", name, "domains_from", "source"), shown(wanted), expected, nearest(wanted, having)
                )


# By kind of system: how it may be asked (None: for files), and what it is called.
_ASKED: Mapping[type, tuple[tuple[str | None, ...], str]] = MappingProxyType(
    {
        Salesforce: (("object", "report"), "Salesforce"),
        Zendesk: (("object",), "Zendesk"),
        Database: (("sql",), "a database"),
        Inbox: (("attachment",), "an inbox"),
        Bucket: ((None,), "a bucket"),
    }
)

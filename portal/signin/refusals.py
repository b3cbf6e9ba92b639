"""How a sign-in that doesn't work ends."""

from __future__ import annotations


class SignInRefused(Exception):
    """An answer of a provider, or of somebody who plays one, that isn't believed.

    `why` is for whoever reads the audit log; `said` for the person, where it helps.
    """

    def __init__(self, why: str, said: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.said = said or "Begin again; if it happens again, an administrator finds the reason in the audit log."


class ProviderUnreached(SignInRefused):
    """The provider doesn't answer, or not as it should."""

    def __init__(self, why: str) -> None:
        super().__init__(why, "The identity provider can't be asked for the moment. Try again in a while.")

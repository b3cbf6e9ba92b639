"""E-mail by SMTP: plain text, so that nothing in it is markup.

A mail server can't be asked what it took. The Message-ID is made of the key, so that mail sent twice by hand is one for
whoever reads it; by itself nothing is sent twice.
"""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate

from orchestration.actions.connectors.base import Found, NotTakenError, RefusedError, UnknownOutcomeError
from orchestration.actions.messages import Message
from orchestration.policy.connectors import Connector as ConnectorPolicy

_TEMPORARY = range(400, 500)


class Email:
    """One mail server."""

    can_be_asked = False

    def __init__(self, name: str, policy: ConnectorPolicy, password: str | None) -> None:
        self.name = name
        self.timeout_seconds = policy.timeout_seconds
        self._policy = policy
        self._password = password

    def call(self, message: Message) -> str | None:
        """Send one mail to the owner, else to the owner's role."""
        address = self._policy.address(message.owner_role, message.owner)
        if address is None:
            raise RefusedError(f"connector {self.name} has no address for {message.owner_role}, and no default")
        mail = self._mail(message, address)
        try:
            server = self._connected()
        except smtplib.SMTPAuthenticationError:
            raise RefusedError(f"{self._policy.host} didn't accept user and password") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotTakenError(f"{self._policy.host} can't be reached: {type(error).__name__}") from None
        try:
            server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPServerDisconnected:
            raise UnknownOutcomeError(f"{self._policy.host} broke off") from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise UnknownOutcomeError(f"{self._policy.host} broke off: {type(error).__name__}") from None
        finally:
            server.close()
        return str(mail["Message-ID"])

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Nobody can be asked."""
        return Found.CANNOT_TELL, None

    def _mail(self, message: Message, address: str) -> EmailMessage:
        policy = self._policy
        heading, *rest = message.lines()
        mail = EmailMessage()
        try:
            mail["From"] = policy.sender
            mail["To"] = address
            mail["Subject"] = heading
            mail["Date"] = formatdate(usegmt=True)
            mail["Message-ID"] = f"<{message.key}@{(policy.sender or '').rpartition('@')[2]}>"
            mail["Auto-Submitted"] = "auto-generated"
            mail.set_content("\n".join([heading, "", *rest]) + "\n")
        except (ValueError, MessageError) as error:
            raise RefusedError(f"the mail can't be written: {error}") from None
        return mail

    def _connected(self) -> smtplib.SMTP:
        policy, context = self._policy, ssl.create_default_context()
        where = {"host": policy.host, "port": policy.port, "timeout": policy.timeout_seconds}
        if policy.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(**where, context=context)
        else:
            server = smtplib.SMTP(**where)
        try:
            if policy.security == "starttls":
                server.starttls(context=context)
            if policy.user and self._password:
                server.login(policy.user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _refused(code: int, words: bytes | str) -> NotTakenError | RefusedError:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    told = f"the mail server answered {code}: {' '.join(text.split())[:200]}"
    return NotTakenError(told) if code in _TEMPORARY else RefusedError(told)

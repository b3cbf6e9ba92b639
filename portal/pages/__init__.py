"""The pages, a module each; every module has a `router`."""

from portal.pages import (
    account,
    actions,
    alerts,
    audit,
    documents,
    hygiene,
    policies,
    portfolio,
    session,
    simulator,
    status,
    targets,
    tokens,
)

ROUTERS = (
    session.router,
    targets.router,
    documents.router,
    actions.router,
    alerts.router,
    hygiene.router,
    portfolio.router,
    policies.router,
    simulator.router,
    status.router,
    tokens.router,
    audit.router,
    # Takes every address below /accounts that nobody before it took.
    account.router,
)

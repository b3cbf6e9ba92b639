"""The pages, a module each; every module has a `router`."""

from portal.pages import account, actions, alerts, documents, policies, portfolio, session, targets

ROUTERS = (
    session.router,
    targets.router,
    account.router,
    documents.router,
    actions.router,
    alerts.router,
    portfolio.router,
    policies.router,
)

"""The pages, a module each; every module has a `router`."""

from portal.pages import account, actions, session, targets

ROUTERS = (session.router, targets.router, account.router, actions.router)

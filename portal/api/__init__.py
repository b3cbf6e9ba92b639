"""The JSON API: every published table, cut by what the caller may see. For machines with tokens, and for people."""

from portal.api.routes import router

__all__ = ["router"]

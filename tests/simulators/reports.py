"""Reports."""


def standard_reports():
    return {}

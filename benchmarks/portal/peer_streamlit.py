"""The table of targets in Streamlit, as one writes it there: read once, filtered and sorted at every run of the script.

Run by `peer.py` in an environment of its own; `python peer_streamlit.py FILE RUNS` measures it, as an app it shows it.
"""

import json
import os
import random
import resource
import sys
import time

FILE = "ACCOUNT_HEALTH_PEER_FILE"
ROWS = 50
STATUSES = ("past_due", "pending", "upcoming")
GEOS = ("", "EMEA", "APAC", "AMER")
SORTS = ("amount", "due_date", "health_score", "account_name")
COLUMNS = [
    *("account_name", "status", "due_date", "amount", "health_score", "product", "owner_name", "geo", "region"),
    "flag_reason",
]


def page() -> None:
    """The app."""
    import pandas as pd
    import streamlit as st

    @st.cache_resource
    def table(file: str) -> pd.DataFrame:
        return pd.read_parquet(file)

    found = table(os.environ[FILE])
    status = st.selectbox("Status", STATUSES)
    geo = st.selectbox("GEO", GEOS)
    sort = st.selectbox("Order", SORTS)
    owner = st.selectbox("Owner", ["", *sorted(found["owner_name"].dropna().unique())])
    kept = found["status"] == status
    if geo:
        kept &= found["geo"] == geo
    if owner:
        kept &= found["owner_name"] == owner
    rows = found[kept]
    st.write(f"{len(rows)} rows", {name: int(n) for name, n in found["status"].value_counts().items()})
    st.dataframe(rows.sort_values(sort, ascending=sort != "amount")[COLUMNS].head(ROWS))


def measure(file: str, runs: int) -> dict:
    """Milliseconds of a run of the script after somebody chose something, one person alone, without a browser."""
    import streamlit
    from streamlit.testing.v1 import AppTest

    os.environ[FILE] = file
    app = AppTest.from_file(__file__, default_timeout=120).run()
    chance = random.Random(1)  # noqa: S311 - which choice is next
    taken = []
    for _ in range(runs):
        for box, values in ((0, STATUSES), (1, GEOS), (2, SORTS)):
            app.selectbox[box].set_value(chance.choice(values))
        began = time.perf_counter()
        app.run()
        taken.append((time.perf_counter() - began) * 1_000)
        if app.exception:
            raise SystemExit(str(app.exception))
    taken.sort()
    return {
        "version": streamlit.__version__,
        "runs": runs,
        "p50": round(taken[len(taken) // 2], 1),
        "p95": round(taken[len(taken) * 95 // 100], 1),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


# Streamlit runs this file again as its page; the arguments are there then, too.
if FILE in os.environ:
    page()
else:
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))

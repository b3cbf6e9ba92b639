"""Data quality: expectation files become Great Expectations checks, verdicts on extractions, and rows set aside.

PURE: nothing here knows Dagster. `suites` reads the files, `runner` runs Great Expectations on DuckDB, `views` shows
the landed data to the rules, `landed` judges extractions, `published` judges what is about to be published,
`results` says what was found in words. Nothing is imported here, so that Great Expectations (seconds, 270 MB) is
loaded only by what runs it.
"""

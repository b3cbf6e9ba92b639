"""Pure extraction: report files in, typed and immutable landing-zone extractions out. Nothing here imports Dagster."""

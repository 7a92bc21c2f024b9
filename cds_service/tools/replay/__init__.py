"""A hospital's past, asked moment by moment what the service would have said.

Reading order, which is the flow of the data:

    export.py   NDJSON of a bulk export -> one sorted file, cut into shards (DuckDB, out of core)
    walk.py     a patient's resources -> the moments at which the question is asked, by `advise`
                (chart/known.py tells what was known of a resource, and from when on)
    tally.py    the answers -> rows: one per patient, one per event
    shards.py   one shard of patients, on whatever process or machine (resumable)
    run.py      all shards by Dask, with progress; joins their rows into tables
    report.py   the tables -> one page of HTML (plots.py draws)
    command.py  `heparin-cds replay`

The question is always patient-view: a past order was never a draft in an export, so what the
order hooks would have said about drafts cannot be known from it. Needs the extra `replay`.
"""

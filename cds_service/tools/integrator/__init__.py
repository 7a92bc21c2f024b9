"""`heparin-cds load`, `unload`, `call` and `check URL`: the tools of whoever connects an EHR.

They stand outside: they speak to a FHIR server and to a running service over HTTP only, as an
EHR would. Nothing of the service imports them.

    fhir_base.py     a FHIR R4 server: read, search with paging, transaction, delete
    ours.py          the fixtures, marked as ours by a tag, and the order they can be removed in
    loading.py       load and unload
    prefetching.py   prefetch templates resolved against the server, as a client does
    service.py       a running CDS service; identity.py makes the tokens it asks for
    drafts.py        "heparin=1800U/h" as a drafted order
    calling.py       one call of a hook
    show.py          cards and tables in a terminal
    checks/          a running service as an EHR sees it
    commands.py      load, unload, call; check_command.py; options.py, which they share
"""

"""What gunicorn serves: the application made of the CDS_ variables, or a refusal that says why."""

import gc
import os
import sys

from cds_service.app import create_app
from cds_service.errors import StartRefused
from cds_service.logs import log
from cds_service.serving.start_check import start_faults
from cds_service.settings import Settings

# A parsed body is ten thousand objects and more, none of them in a cycle: at Python's threshold of
# 700 the collector would walk them again and again while they are being made.
gc.set_threshold(100_000, 20, 100)

try:
    app = create_app(Settings.from_environ(os.environ))
except StartRefused as refusal:
    faults = start_faults(os.environ, connect=False) or refusal.faults
    sys.exit("\n- ".join(["The service does not start:", *faults]))

if "HEPARIN_CDS_READ_SECONDS" not in os.environ:  # gunicorn.conf.py sets it
    log().warning("no read timeout", advice="serve with gunicorn.conf.py, or behind a proxy")

"""What gunicorn serves: the application made of the CDS_ variables, or a refusal that says why."""

import os
import sys

from cds_service.app import create_app
from cds_service.errors import StartRefused
from cds_service.settings import Settings

try:
    app = create_app(Settings.from_environ(os.environ))
except StartRefused as refusal:
    sys.exit(f"The service does not start:\n{refusal}")

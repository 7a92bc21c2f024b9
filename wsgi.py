"""For `gunicorn wsgi:app` in a checkout; the application is made in cds_service/wsgi.py."""

from cds_service.wsgi import app

__all__ = ["app"]

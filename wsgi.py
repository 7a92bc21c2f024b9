"""For `gunicorn wsgi:app` in a checkout; the application is made in cds_service/serving/wsgi.py."""

from cds_service.serving.wsgi import app

__all__ = ["app"]

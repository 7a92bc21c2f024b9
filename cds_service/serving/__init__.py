"""How the service is started: gunicorn, the application it loads, the check before."""

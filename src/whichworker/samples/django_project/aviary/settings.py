"""The settings of `startproject` with DEBUG off; URLs may replace SQLite and local memory."""

import os
from pathlib import Path

from aviary import backing

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("WHICHWORKER_SAMPLE_DATA", BASE_DIR))

SECRET_KEY = "the-built-in-project-keeps-no-secrets-and-listens-on-loopback-only"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "aviary",
    "circus",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "aviary.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
WSGI_APPLICATION = "aviary.wsgi.application"
ASGI_APPLICATION = "aviary.asgi.application"

DATABASES = {
    "default": backing.database(os.environ.get("DATABASE_URL"), DATA_DIR / "aviary.sqlite3")
}
# psycopg2 waits in C, where gevent's patches have no effect.
if os.environ.get("WHICHWORKER_PSYCOGREEN"):
    from psycogreen.gevent import patch_psycopg

    patch_psycopg()
CACHES = {"default": backing.cache(os.environ.get("REDIS_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"

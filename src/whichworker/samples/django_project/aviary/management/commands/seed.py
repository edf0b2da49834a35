"""Create the database, its rows and the one who may log in; done again, it changes nothing."""

import json
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, call_command
from django.db import connection

from aviary.backing import SCHEMA
from aviary.models import Bird
from circus.models import ClownCollege, Troupe

APPS = Path(__file__).resolve().parents[3]
KEEPER = "keeper"


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("CREATE SCHEMA IF NOT EXISTS %s" % SCHEMA)
        call_command("migrate", verbosity=0, interactive=False)
        seed(Bird, rows("aviary/birds.json"))
        circus = rows("circus/rows.json")
        seed(ClownCollege, circus["colleges"])
        seed(Troupe, circus["troupes"])
        users = get_user_model().objects
        if not users.filter(username=KEEPER).exists():
            # Django 2.2 insists on an address.
            users.create_superuser(KEEPER, email="", password=KEEPER)


def rows(path):
    return json.loads((APPS / path).read_text(encoding="utf-8"))


def seed(model, found):
    if not model.objects.exists():
        model.objects.bulk_create(
            model(id=number, **row) for number, row in enumerate(found, start=1)
        )

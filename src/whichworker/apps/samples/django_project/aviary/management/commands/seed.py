"""Create the database and its thirty rows; done again, it changes nothing."""

import json
from pathlib import Path

from django.core.management import BaseCommand, call_command

from aviary.models import Bird

BIRDS = Path(__file__).resolve().parents[2] / "birds.json"


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        call_command("migrate", verbosity=0, interactive=False)
        if Bird.objects.exists():
            return
        birds = json.loads(BIRDS.read_text(encoding="utf-8"))
        Bird.objects.bulk_create(Bird(id=number, **bird) for number, bird in enumerate(birds, start=1))

"""Thirty birds."""

from django.db import models


class Bird(models.Model):
    """A bird, by its English name, family and largest wingspan."""

    name = models.CharField(max_length=60, unique=True)
    family = models.CharField(max_length=30)
    wingspan_cm = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.name

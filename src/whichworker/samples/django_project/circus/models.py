"""Colleges for clowns and the troupes that came of them."""

from django.db import models


class ClownCollege(models.Model):
    """Where one learns it."""

    name = models.CharField(max_length=60, unique=True)
    city = models.CharField(max_length=40)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.name


class Troupe(models.Model):
    """Who travels together."""

    name = models.CharField(max_length=60, unique=True)
    members = models.PositiveIntegerField()
    college = models.ForeignKey(ClownCollege, on_delete=models.CASCADE)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.name

"""One user of locust's fast client, without a pause between requests."""

# mypy: ignore-errors
# Run by locust in an environment of its own; nothing of it is installed here.

from locust import FastHttpUser, constant, task


class Asker(FastHttpUser):
    """Asks for the same thing again and again."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        """One request."""
        self.client.get("/")

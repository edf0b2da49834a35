"""The built-in apps. They are served by their own locked environments, never by the tool's."""

"""The built-in apps, `builtin:…`: sample projects, not statistical samples. They run in locked environments of their own."""

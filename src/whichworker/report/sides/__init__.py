"""How a comparison of two sides is shown: terminal, Markdown, JUnit, and what CI services read."""

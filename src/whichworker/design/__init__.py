"""The statistics: how an experiment is designed and evaluated. Pure functions of numbers, seeds and counts, without clock or process."""

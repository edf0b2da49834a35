"""Launching, watching and stopping process trees that leave nothing behind."""

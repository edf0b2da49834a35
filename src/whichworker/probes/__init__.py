"""Cheap readings of the machine and a process tree at both ends of a window, from outside."""

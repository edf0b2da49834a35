"""Reading the machine and a process tree at both ends of a window: cheap, from outside, in nanoseconds where the kernel has them."""

"""The engine that is always available: raw epoll in pure Python."""

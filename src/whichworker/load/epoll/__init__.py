"""The engine that is always there: raw epoll in pure Python."""

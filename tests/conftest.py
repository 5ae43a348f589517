"""What pytest must know before it collects the tests."""

from fixtures import clock, folder, raw, server  # noqa: F401

"""What pytest must know before it collects the tests."""

from fixtures import folder, raw, server  # noqa: F401

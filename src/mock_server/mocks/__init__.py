"""Mocks: which calls they answer, with what, and why not."""

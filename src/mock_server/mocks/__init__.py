"""Mocks: what they match, what they answer, where they come from."""

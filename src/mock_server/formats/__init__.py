"""The wire formats: what all share, and a room a provider."""

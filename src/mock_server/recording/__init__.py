"""What a provider answers, kept as mocks: forwarded, scrubbed, named, written."""

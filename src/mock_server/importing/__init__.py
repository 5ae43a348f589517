"""What others wrote down of exchanges with providers, read: HAR, curl's transcripts, fixtures."""

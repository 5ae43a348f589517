"""What each provider refuses."""

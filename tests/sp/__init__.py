"""What is tested with the platform's command line client."""

"""What a retry costs: beside the least SQL that does the same, beside the platform's own, and as everything grows."""

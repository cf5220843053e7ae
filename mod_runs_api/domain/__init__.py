"""The nouns and rules of retries. They know neither the database nor the web framework."""

"""What a hundred million texts would cost, from measured rates, and whether 256 failing workers lose a chunk."""

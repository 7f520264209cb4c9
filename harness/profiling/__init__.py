"""Operations, throughput and memory of a network."""

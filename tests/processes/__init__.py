"""Real processes: the whole product under its supervisor, studied by an independent client over the network."""

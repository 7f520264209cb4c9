"""Where rows run: on this machine, in several processes, and on a cluster."""

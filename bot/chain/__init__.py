"""Shell: everything that talks to a chain. The only place that knows web3."""

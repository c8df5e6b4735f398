"""The web page of a running lkas. It talks to the broker only."""

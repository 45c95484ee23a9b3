"""The repository of agents on disk: what its files grant, and what that was resolved to."""

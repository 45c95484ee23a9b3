"""Kinds of tool sources: what speaks to the outside and offers tools, one package each."""

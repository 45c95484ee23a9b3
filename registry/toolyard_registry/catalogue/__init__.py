"""The registry in SQL: releases, channels, publications and what was decided about definitions."""

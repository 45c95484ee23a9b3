"""New repositories and new tool packages that run at once."""

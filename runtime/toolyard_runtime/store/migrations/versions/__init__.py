"""One file per revision, a linear history; a revision that was released is never edited."""

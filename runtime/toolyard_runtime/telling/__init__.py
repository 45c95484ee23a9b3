"""What a finished or waiting run is told as, for people; pure, and decides nothing."""

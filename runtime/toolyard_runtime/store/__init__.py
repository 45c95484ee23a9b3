"""Where the runtime keeps what happened: tables, databases that hold them, stores over them; knows no loop."""

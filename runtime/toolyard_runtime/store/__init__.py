"""Where the runtime keeps what happened: tables, the databases that hold them and the stores over them; knows no loop."""

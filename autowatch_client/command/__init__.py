"""The command `autowatch`: the client of `autowatch_client`, in a terminal."""

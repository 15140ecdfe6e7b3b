"""What a server leaves behind and a simulator reads: calls, journal, records, and their folder."""

"""Evidence: what a machine shows about the runtime, gathered by one resumable command."""

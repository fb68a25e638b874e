"""On call: who it is at any instant, by which layer and until when, and whether everybody who may be told tonight can be reached."""

"""Messages with which runs end."""

#: What the platform writes when a run takes too long, when GitHub shows no build yet, and when a worker gives up.
TIME_LIMIT = 'Could not complete test, time limit exceeded'
NOT_VISIBLE = 'Build succeeded but artifact not yet available - please retry'
OUT_OF_ORDER = 'Duplicate Entries'
#: What the sweep writes.
LOST_MACHINE = 'The machine of this run has vanished.'

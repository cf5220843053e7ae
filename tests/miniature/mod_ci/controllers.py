"""The names that the platform's job uses when it searches for the build of a run."""

#: How many of GitHub's artifacts are searched.
MAX_ARTIFACTS_TO_SEARCH = 500


class Artifact_names:
    """The artifact with the build for each platform."""

    linux = 'build for Linux'
    windows = 'build for Windows'

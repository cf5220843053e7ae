#!/bin/sh
# Turn mails into commits and back, so that nobody edits a hash or the numbers of a hunk by hand:
#     mails.sh apply CHECKOUT [FOLDER]    applies the mails of a folder to the checkout, one commit each
#     mails.sh write CHECKOUT [FOLDER]    writes the mails anew from these commits
# The folder is patches/platform, unless another one of this repository is named. In between, edit the commits in the
# checkout. Keep their order and their number. For a further mail, add a commit in its place, and an empty file with its
# number and name before you write.
set -eu

if [ $# -lt 2 ] || { [ "$1" != apply ] && [ "$1" != write ]; }; then
    sed -n '2,7s/^# //p' "$0" >&2
    exit 2
fi
command=$1
checkout=$(cd "$2" && pwd)
folder=${3:-patches/platform}

cd "$(dirname "$0")/.."
# The mails, in the order of their numbers.
set -- "$PWD/$folder"/*.patch

fail() {
    echo "$1" >&2
    exit 1
}

git -C "$checkout" diff --quiet HEAD || fail 'The checkout has changes that are not committed.'
if [ "$command" = apply ]; then
    [ -z "$(git -C "$checkout" log -1 refs/mails/base..HEAD 2>/dev/null)" ] || fail 'The checkout has mails already.'
    git -C "$checkout" update-ref refs/mails/base HEAD
    git -C "$checkout" am --keep-non-patch "$@"
    exit
fi

commits=$(git -C "$checkout" rev-list --reverse refs/mails/base..HEAD)
number=$(echo "$commits" | wc -w)
[ "$number" -eq $# ] || fail "The checkout has $number commits for $# mails."
for commit in $commits; do
    # Without the settings of whoever writes them, so that the bytes are the same.
    GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -C "$checkout" format-patch --stdout -1 --keep-subject \
        --unified=3 --abbrev=12 --zero-commit --no-signature "$commit" > "$1"
    shift
done

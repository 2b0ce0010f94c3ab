# shellcheck shell=sh
# Who owns releases here: who we are, where nothing else was asked for. Needs: owner group.
# shellcheck disable=SC2154
[ -n "$owner" ] || owner=$(id -un)
[ -n "$group" ] || group=$(id -gn)

# shellcheck shell=sh
# Brings back what was there before an activation, whatever part of it had been done. An operation
# that cannot be done is told at the end: it keeps neither the switch nor the others from theirs.
# Needs: root run ttl generation name undone; the operations are in undo_operations.
# shellcheck disable=SC2154
trouble=
obstacle() { trouble="$trouble${trouble:+; }$1"; }
cd "$root" || fail write "$root cannot be entered"
mutex
fence "$generation"
undo_operations
note "$undone"
tell undone "$name"
reload_services
renew_lock
[ -z "$trouble" ] || fail place "$trouble"
